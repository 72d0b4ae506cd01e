//! Tests that numbers that are not finite are an error wherever they would become pixels or results.

use vae::model::NamedTensor;

use crate::program::{edited, files, run, with_smoke_run};

/// Every command that computes with a trained model.
const COMMANDS: &[&[&str]] = &[
    &["eval"],
    &["eval", "--json"],
    &["doctor"],
    &["disentangle"],
    &["embed"],
    &["sample"],
    &["sample", "--box"],
    &["sample", "--from", "mixture:2"],
    &["reconstruct"],
    &["interpolate", "--from", "3", "--to", "8"],
    &["interpolate", "--from", "3", "--to", "8", "--out", "a.gif"],
    &["traverse"],
    &["traverse", "--out", "a.gif"],
    &["manifold"],
    &["edit", "--add", "8", "--subtract", "3"],
];

fn tensor<'a>(tensors: &'a mut [NamedTensor], name: &str) -> &'a mut NamedTensor {
    tensors
        .iter_mut()
        .find(|tensor| tensor.name == name)
        .unwrap()
}

#[test]
fn a_model_with_a_weight_that_is_no_number_is_refused_by_every_command() {
    for (name, value) in [
        ("encoder.0.weight", f32::NAN),
        ("decoder.0.bias", f32::INFINITY),
    ] {
        let place = with_smoke_run();
        edited(place.path(), |_, tensors| {
            tensor(tensors, name).values[3] = value;
        });
        let before = files(place.path());
        let message = format!("runs/smoke-1/model.safetensors: its {name} is not finite");
        for command in COMMANDS {
            run(place.path(), &[command, &["-q"][..]].concat())
                .failed(1, &[&message, "hint: its training broke"]);
            assert_eq!(files(place.path()), before, "{command:?} writes nothing");
        }
    }
}

#[test]
fn finite_weights_whose_outputs_are_no_numbers_give_no_image_and_no_result() {
    let broken: [(&str, &[&str]); 2] = [
        (
            "decoder.0.weight",
            &[
                "sample",
                "manifold",
                "traverse",
                "reconstruct",
                "interpolate --from 3 --to 8",
                "edit --add 8 --subtract 3",
                "eval",
                "doctor",
            ],
        ),
        (
            "mean.weight",
            &[
                "reconstruct",
                "interpolate --from #3 --to #8",
                "edit --add 8 --subtract 3",
                "traverse --image 3",
                "eval",
                "doctor",
                "disentangle",
                "embed",
                "traverse",
                "sample --box",
                "sample --from mixture:2",
            ],
        ),
    ];
    for (name, commands) in broken {
        let place = with_smoke_run();
        edited(place.path(), |_, tensors| {
            // Latents far from 0, so that the largest weights overflow for some image.
            let weight = tensor(tensors, "mean.weight");
            weight.values.iter_mut().for_each(|value| *value *= 1000.0);
            tensor(tensors, name).values.fill(f32::MAX);
        });
        let before = files(place.path());
        for command in commands {
            let arguments: Vec<&str> = command.split(' ').chain(["-q"]).collect();
            run(place.path(), &arguments)
                .failed(1, &["runs/smoke-1/model.safetensors: its ", "hint: "]);
            assert_eq!(files(place.path()), before, "{name}: {command}");
        }
    }
}
