"""From wishes to tokens: plans, instruments, given songs, tasks, and the loop that writes."""
