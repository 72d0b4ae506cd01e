//! The encoder and the decoder of a network as graphs.

use super::{Graph, NodeId, Operation};
use crate::model::{DenseSpec, Features, LayerSpec, Likelihood, Network};

impl Network {
    /// Returns the graph of q(z | x): from `image`, and `label` if the encoder reads the class, to `mean` and `log_var`.
    pub fn encoder_graph(&self) -> Graph {
        let mut graph = Graph::default();
        let image = Features::Map(self.image_shape);
        let mut h = graph.push(Operation::Input("image"), [], image);
        let condition = self.condition.as_ref();
        let told = condition.and_then(|condition| {
            let at = condition.encoder?;
            let shape = Features::Flat(condition.class_count);
            Some((at, graph.push(Operation::Input("label"), [], shape)))
        });
        for (i, layer) in self.encoder.iter().enumerate() {
            h = beside(&mut graph, h, told.filter(|(at, _)| *at == i));
            h = layer.kind().trace(&format!("encoder.{i}"), h, &mut graph);
        }
        h = beside(
            &mut graph,
            h,
            told.filter(|(at, _)| *at == self.encoder.len()),
        );
        let mut head = |name: &'static str, layer: &DenseSpec| {
            let value = LayerSpec::from(layer.clone())
                .kind()
                .trace(name, h, &mut graph);
            (name, value)
        };
        graph.outputs = vec![head("mean", &self.mean), head("log_var", &self.log_var)];
        graph
    }

    /// Returns the graph of E[x | z]: from `z`, and `label` if the model is conditional, to `image`.
    pub fn decoder_graph(&self, likelihood: &Likelihood) -> Graph {
        let mut graph = Graph::default();
        let latent = Features::Flat(self.latent);
        let mut h = graph.push(Operation::Input("z"), [], latent);
        if let Some(condition) = &self.condition {
            let shape = Features::Flat(condition.class_count);
            let label = graph.push(Operation::Input("label"), [], shape);
            h = match &condition.projection {
                Some(projection) => {
                    let layer = LayerSpec::from(projection.clone());
                    let projected = layer.kind().trace("condition", label, &mut graph);
                    graph.push(Operation::Add, [h, projected], latent)
                }
                None => beside(&mut graph, h, Some((0, label))),
            };
        }
        for (i, layer) in self.decoder.iter().enumerate() {
            h = layer.kind().trace(&format!("decoder.{i}"), h, &mut graph);
        }
        let image = Features::Map(self.image_shape);
        if likelihood.kind().outputs_per_value() == 1 {
            h = graph.shaped(h, image);
        }
        graph.outputs = vec![("image", likelihood.kind().trace_mean(h, image, &mut graph))];
        graph
    }
}

/// Appends the label to a value as a flat one, if it is read here.
fn beside(graph: &mut Graph, value: NodeId, label: Option<(usize, NodeId)>) -> NodeId {
    let Some((_, label)) = label else {
        return value;
    };
    let flat = Features::Flat(graph.shape(value).count());
    let value = graph.shaped(value, flat);
    let both = Features::Flat(flat.count() + graph.shape(label).count());
    graph.push(Operation::Concat, [value, label], both)
}
