//! The error of codecs.

/// Why a codec could not encode or decode. It is logged by its kind only, never by its text.
pub type CodecError = Box<dyn std::error::Error + Send + Sync>;
