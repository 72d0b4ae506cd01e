//! TFRecord, the format of TensorBoard's files: records with checksums, one after another.
//!
//! A record is its length (8 bytes, little-endian), the masked CRC-32C of these 8 bytes, its data, and the masked CRC-32C of
//! the data. <https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details>

/// Appends a record to `file`.
pub fn append(file: &mut Vec<u8>, data: &[u8]) {
    let length = (data.len() as u64).to_le_bytes();
    file.extend(length);
    file.extend(masked_crc(&length).to_le_bytes());
    file.extend(data);
    file.extend(masked_crc(data).to_le_bytes());
}

/// Returns the CRC-32C, rotated and moved by a constant: the checksum of data that holds checksums itself would be weak.
fn masked_crc(data: &[u8]) -> u32 {
    crc32c::crc32c(data)
        .rotate_right(15)
        .wrapping_add(0xA282_EAD8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_the_standard_masked() {
        // RFC 3720, appendix B.4, and the usual check value.
        let ascending: Vec<u8> = (0..32).collect();
        for (data, crc) in [
            (&b"123456789"[..], 0xE306_9283),
            (&[0; 32], 0x8A91_36AA),
            (&[0xFF; 32], 0x62A8_AB43),
            (&ascending, 0x46DD_794E),
        ] {
            assert_eq!(crc32c::crc32c(data), crc);
        }
        // The first record of every file that TensorFlow writes has 24 bytes of data, and begins with these 12 bytes.
        let mut file = Vec::new();
        append(&mut file, &[0; 24]);
        assert_eq!(file[..12], *b"\x18\0\0\0\0\0\0\0\xA3\x7FK\x22");
        assert_eq!(file.len(), 12 + 24 + 4);
    }
}
