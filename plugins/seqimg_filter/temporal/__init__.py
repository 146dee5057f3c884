"""Operations that look at more than one frame, in bounded memory."""
