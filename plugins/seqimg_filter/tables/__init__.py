"""Operations as tables, one a kind."""
