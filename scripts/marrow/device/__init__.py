"""What any network here needs, of bones or of bags: device, memory, precision, Adam, checkpoints, tensor files."""
