"""What every trained system shares: corpus work over many files, sharded token data, the fit loop, checkpoints."""
