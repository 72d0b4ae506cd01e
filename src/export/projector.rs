//! The files of TensorBoard's Embedding Projector, which also <https://projector.tensorflow.org> reads: `tensors.tsv`,
//! `metadata.tsv`, `sprite.png`, and `projector_config.pbtxt`, which names the other three.

use std::fmt::Write;

use crate::error::Result;
use crate::figure::sprite::Sprite;
use crate::figure::{Figure, NamedFile, encode_png};
use crate::run::exports::{METADATA, PROJECTOR_CONFIG, SPRITE, TENSORS};

/// A column of `metadata.tsv`: its name, and a text for each point.
pub type MetadataColumn = (&'static str, Vec<String>);

/// Returns the files: `sprite.png`, and the others beside it. `latents`: `[N][D]`; each column has `N` texts, and the
/// image of each point is in the sprite.
///
/// # Errors
/// Returns an error if the PNG cannot be made.
pub fn projector(
    title: &str,
    latents: &[Vec<f32>],
    columns: &[MetadataColumn],
    sprite: &Sprite,
) -> Result<Figure> {
    let config = config(title, sprite.cell);
    let mut figure = Figure::of_png(SPRITE, encode_png(&sprite.image)?);
    figure.beside = vec![
        NamedFile::new(PROJECTOR_CONFIG, config.into_bytes()),
        NamedFile::new(TENSORS, tensors(latents).into_bytes()),
        NamedFile::new(METADATA, metadata(columns).into_bytes()),
    ];
    Ok(figure)
}

/// Returns the config in the text format of protocol buffers. Paths start from its own folder.
fn config(title: &str, [width, height]: [usize; 2]) -> String {
    let title = title.replace(char::is_control, " ");
    let title = title.replace('\\', "\\\\").replace('"', "\\\"");
    format!(
        "embeddings {{
  tensor_name: \"{title}\"
  tensor_path: \"{TENSORS}\"
  metadata_path: \"{METADATA}\"
  sprite {{
    image_path: \"{SPRITE}\"
    single_image_dim: {width}
    single_image_dim: {height}
  }}
}}
"
    )
}

/// Returns a line for each point, without a head. Each value has enough digits to distinguish it from every other float32.
fn tensors(latents: &[Vec<f32>]) -> String {
    let mut text = String::new();
    for z in latents {
        for (latent, value) in z.iter().enumerate() {
            let gap = if latent == 0 { "" } else { "\t" };
            // Writing to a string cannot fail.
            let _ = write!(text, "{gap}{value}");
        }
        text.push('\n');
    }
    text
}

/// Returns a line for each point. A single column has no head: the projector would take it for the first point.
fn metadata(columns: &[MetadataColumn]) -> String {
    let mut text = String::new();
    let mut line = |cells: Vec<&str>| {
        // A name may hold what ends a cell or a line.
        let cells = cells
            .into_iter()
            .map(|cell| cell.replace(['\t', '\n', '\r'], " "));
        text += &cells.collect::<Vec<_>>().join("\t");
        text.push('\n');
    };
    if columns.len() > 1 {
        line(columns.iter().map(|(name, _)| *name).collect());
    }
    let count = columns.first().map_or(0, |(_, texts)| texts.len());
    for point in 0..count {
        line(columns.iter().map(|(_, texts)| &*texts[point]).collect());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_several_columns_have_a_head_and_no_cell_breaks_a_line() {
        let texts = |texts: [&str; 2]| texts.map(str::to_owned).to_vec();
        let index = ("index", texts(["0", "7"]));
        assert_eq!(metadata(std::slice::from_ref(&index)), "0\n7\n");
        let label = ("label", texts(["a\tb", "c\r\n"]));
        assert_eq!(metadata(&[label, index]), "label\tindex\na b\t0\nc  \t7\n");
    }

    #[test]
    fn values_are_exact_and_a_title_is_quoted() {
        let latents = [vec![0.1, -1.5], vec![1e-20, 16_777_216.0]];
        let text = tensors(&latents);
        let read: Vec<Vec<f32>> = text
            .lines()
            .map(|line| line.split('\t').map(|cell| cell.parse().unwrap()).collect())
            .collect();
        assert_eq!(read, latents);
        let config = config("a \"b\" \\", [28, 14]);
        assert!(config.contains(r#"tensor_name: "a \"b\" \\""#), "{config}");
        assert!(config.contains("single_image_dim: 28\n    single_image_dim: 14"));
    }
}
