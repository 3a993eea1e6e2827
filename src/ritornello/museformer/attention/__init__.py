"""What sees what: the rule for fine bars, pieces as rows, blocks and masks, reference and GPU attention."""
