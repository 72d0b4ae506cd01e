//! The encoder and the decoder of a network as graphs.

use super::{Graph, NodeId, Operation};
use crate::model::{DenseSpec, Features, LayerShape, LayerSpec, Likelihood, Network};

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
        let outputs = self.trace_decoder(likelihood, &mut graph);
        let image = Features::Map(self.image_shape);
        let mean = likelihood.kind().trace_mean(outputs, image, &mut graph);
        graph.outputs = vec![("image", mean)];
        graph
    }

    /// Returns the graph of the parameters of p(x | z): from `z`, and `label` if the model is conditional, to `outputs`.
    pub fn outputs_graph(&self, likelihood: &Likelihood) -> Graph {
        let mut graph = Graph::default();
        let outputs = self.trace_decoder(likelihood, &mut graph);
        graph.outputs = vec![("outputs", outputs)];
        graph
    }

    /// Returns the graph of E[x | z] as a function of the parameters of p(x | z): from `outputs` to `image`.
    pub fn mean_graph(&self, likelihood: &Likelihood) -> Graph {
        let mut before = Graph::default();
        let outputs = self.trace_decoder(likelihood, &mut before);
        let mut graph = Graph::default();
        let given = graph.push(Operation::Input("outputs"), [], before.shape(outputs));
        let image = Features::Map(self.image_shape);
        let mean = likelihood.kind().trace_mean(given, image, &mut graph);
        graph.outputs = vec![("image", mean)];
        graph
    }

    /// Returns the graphs of a prior with a stochastic layer of its own: that of q(u | z), from `z`, and that of p(z | u), from
    /// `u`, both to `mean` and `log_var`. Other priors have none.
    pub fn prior_graphs(&self) -> Option<[Graph; 2]> {
        let layers = self.prior.kind().layers(self.latent_space());
        if layers.is_empty() {
            return None;
        }
        let graph = |given: &'static str, count: usize, part: &str, heads: [&str; 2]| {
            let mut graph = Graph::default();
            let mut h = graph.push(Operation::Input(given), [], Features::Flat(count));
            let trace = |name: &str, layer: &DenseSpec, h: NodeId, graph: &mut Graph| {
                layer.trace(&format!("prior.{name}"), h, graph)
            };
            for (name, layer) in layers.iter().filter(|(name, _)| name.starts_with(part)) {
                h = trace(name, layer, h, &mut graph);
            }
            for (output, head) in ["mean", "log_var"].into_iter().zip(heads) {
                if let Some((name, layer)) = layers.iter().find(|(name, _)| name == head) {
                    let value = trace(name, layer, h, &mut graph);
                    graph.outputs.push((output, value));
                }
            }
            graph
        };
        let upper = self.prior.kind().noise();
        Some([
            graph(
                "z",
                self.latent,
                "encoder.",
                ["upper_mean", "upper_log_var"],
            ),
            graph("u", upper, "decoder.", ["mean", "log_var"]),
        ])
    }

    /// Appends the decoder, and returns the node of its outputs. They have the shape of the image if there is one for each value.
    fn trace_decoder(&self, likelihood: &Likelihood, graph: &mut Graph) -> NodeId {
        let latent = Features::Flat(self.latent);
        let mut h = graph.push(Operation::Input("z"), [], latent);
        if let Some(condition) = &self.condition {
            let shape = Features::Flat(condition.class_count);
            let label = graph.push(Operation::Input("label"), [], shape);
            h = match &condition.projection {
                Some(projection) => {
                    let layer = LayerSpec::from(projection.clone());
                    let projected = layer.kind().trace("condition", label, graph);
                    graph.push(Operation::Add, [h, projected], latent)
                }
                None => beside(graph, h, Some((0, label))),
            };
        }
        for (i, layer) in self.decoder.iter().enumerate() {
            h = layer.kind().trace(&format!("decoder.{i}"), h, graph);
        }
        if likelihood.kind().outputs_per_value() == 1 {
            h = graph.shaped(h, Features::Map(self.image_shape));
        }
        h
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
