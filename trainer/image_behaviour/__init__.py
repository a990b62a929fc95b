"""Networks that find behaviour in images: which part of a frame, what is learnt from, training, and the bundle."""
