"""What `evaluate museformer` is made of: likelihoods, pieces, measures, stored references."""
