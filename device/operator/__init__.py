"""Operations on devices that need AWS credentials and never run on a station."""
