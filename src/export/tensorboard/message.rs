//! The protocol-buffer messages of TensorBoard's events, as far as this program writes them. Names and numbers of the fields are
//! those of TensorFlow's `event.proto` and `summary.proto`.

use prost::{Message, Oneof};

/// One record of an events file.
#[derive(Clone, PartialEq, Message)]
pub struct Event {
    /// Seconds since 1970.
    #[prost(double, tag = "1")]
    pub wall_time: f64,
    #[prost(int64, tag = "2")]
    pub step: i64,
    #[prost(oneof = "EventContent", tags = "3, 5, 7")]
    pub content: Option<EventContent>,
}

#[derive(Clone, PartialEq, Oneof)]
pub enum EventContent {
    /// The first event of a file: "brain.Event:2".
    #[prost(string, tag = "3")]
    FileVersion(String),
    #[prost(message, tag = "5")]
    Summary(EventSummary),
    #[prost(message, tag = "7")]
    SessionLog(SessionLog),
}

#[derive(Clone, PartialEq, Message)]
pub struct EventSummary {
    #[prost(message, repeated, tag = "1")]
    pub values: Vec<TaggedValue>,
}

#[derive(Clone, PartialEq, Message)]
pub struct TaggedValue {
    #[prost(string, tag = "1")]
    pub tag: String,
    #[prost(oneof = "Value", tags = "2, 4, 5")]
    pub value: Option<Value>,
}

#[derive(Clone, PartialEq, Oneof)]
pub enum Value {
    #[prost(float, tag = "2")]
    Scalar(f32),
    #[prost(message, tag = "4")]
    Image(PngImage),
    #[prost(message, tag = "5")]
    Histogram(HistogramCounts),
}

#[derive(Clone, PartialEq, Message)]
pub struct PngImage {
    #[prost(int32, tag = "1")]
    pub height: i32,
    #[prost(int32, tag = "2")]
    pub width: i32,
    /// The number of channels: 1 (grey) or 3 (red, green, blue).
    #[prost(int32, tag = "3")]
    pub channels: i32,
    #[prost(bytes = "vec", tag = "4")]
    pub png: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub struct HistogramCounts {
    #[prost(double, tag = "1")]
    pub min: f64,
    #[prost(double, tag = "2")]
    pub max: f64,
    #[prost(double, tag = "3")]
    pub count: f64,
    #[prost(double, tag = "4")]
    pub sum: f64,
    #[prost(double, tag = "5")]
    pub sum_of_squares: f64,
    /// The upper end of each bucket.
    #[prost(double, repeated, tag = "6")]
    pub bucket_ends: Vec<f64>,
    #[prost(double, repeated, tag = "7")]
    pub bucket_counts: Vec<f64>,
}

/// A word to a reader that is already showing the run.
#[derive(Clone, PartialEq, Message)]
pub struct SessionLog {
    #[prost(int32, tag = "1")]
    pub status: i32,
}

/// The [`SessionLog::status`] after which a reader forgets what it knows from the event's step on.
pub const START: i32 = 1;
