"""Networks that find behaviour in poses or images, one step a frame."""
