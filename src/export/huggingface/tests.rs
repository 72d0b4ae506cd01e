//! The class reads as a person would write it. tests/huggingface.py compares what it computes with the model.

use super::body::body;
use super::modules::modules;
use crate::model::{Conv, Features, Graph, Likelihood, ModelKind, Operation};
use crate::ops::Activation;

#[test]
fn values_are_named_only_where_they_must_be() {
    let mut graph = Graph::default();
    let map = Features::Map([2, 3, 3]);
    let image = graph.push(Operation::Input("image"), [], map);
    let norm = Operation::GroupNorm {
        layer: "encoder.0.norm1".to_owned(),
        groups: 1,
    };
    let h = graph.activated(image, Activation::Silu);
    let r = graph.push(norm, [h], map);
    let r = graph.activated(r, Activation::Relu);
    let h = graph.push(Operation::Add, [r, h], map);
    let flat = graph.shaped(h, Features::Flat(18));
    let mean = Operation::Dense {
        layer: "mean".to_owned(),
    };
    let mean = graph.push(mean, [flat], Features::Flat(1));
    graph.outputs = vec![("mean", mean)];
    assert_eq!(
        body(&graph),
        [
            "h = F.silu(image)",
            "r = F.relu(self.encoder[\"0\"][\"norm1\"](h))",
            "h = r + h",
            "return self.mean(h.flatten(1))",
        ]
    );
}

#[test]
fn padding_that_differs_between_two_sides_is_written_out() {
    let conv: Conv = toml::from_str(
        r#"
        latent = 2
        encoder = [{ conv = 4, stride = 2 }]
        decoder = [
            { dense = 100, shape = [4, 5, 5] },
            { transposed = 4, stride = 2 },
            { conv = 1, kernel = 4, activation = "none" },
        ]
        "#,
    )
    .unwrap();
    let network = conv.network([1, 10, 10]).unwrap();
    let likelihood = Likelihood::default();
    assert_eq!(
        body(&network.encoder_graph().only(&["mean"])),
        [
            "h = F.relu(self.encoder[\"0\"](F.pad(image, (0, 1, 0, 1))))",
            "return self.mean(h.flatten(1))",
        ]
    );
    let decoder = network.outputs_graph(&likelihood);
    assert_eq!(
        body(&decoder),
        [
            "h = F.relu(self.decoder[\"0\"](z)).unflatten(1, (4, 5, 5))",
            "h = F.relu(self.decoder[\"1\"](h)[..., :10, :10])",
            "return self.decoder[\"2\"](F.pad(h, (1, 2, 1, 2)))",
        ]
    );
    assert_eq!(
        modules(&[&decoder]),
        [
            "self.decoder = nn.ModuleDict({",
            "    \"0\": nn.Linear(2, 100),",
            "    \"1\": nn.ConvTranspose2d(4, 4, 3, stride=2),",
            "    \"2\": nn.Conv2d(4, 1, 4),",
            "})",
        ]
    );
    assert_eq!(
        body(&network.mean_graph(&likelihood)),
        ["return torch.sigmoid(outputs)"]
    );
}
