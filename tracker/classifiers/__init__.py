"""Networks that find behaviour in poses, one step a frame."""
