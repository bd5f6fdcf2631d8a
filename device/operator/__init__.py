"""Operations on devices that need AWS credentials: never run on a station."""
