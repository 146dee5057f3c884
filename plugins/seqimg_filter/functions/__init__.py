"""Operations that scikit-image has not in the form that is needed here."""
