//! An Indexed Job of Kubernetes, which runs one pod for each task.

use serde_json::Value;

use super::script::Script;

/// The folder in a pod where the volume of the plan and the runs is.
const VOLUME: &str = "/sweep";

/// The most characters of a Job's name: its pods' host names, NAME-INDEX, have at most 63.
const LONGEST: usize = 50;

/// Returns the YAML. Strings are written as in JSON, which YAML reads too.
pub fn job(script: &Script) -> String {
    let file = script.plan.file_name().unwrap_or_default();
    let mut words = script.words(&file.to_string_lossy());
    words.extend(["--threads".to_owned(), script.threads().to_string()]);
    let words: Vec<String> = words
        .into_iter()
        .map(|word| Value::from(word).to_string())
        .collect();
    let card = if script.uses_gpu() {
        ", nvidia.com/gpu: 1"
    } else {
        ""
    };
    let (tasks, threads) = (script.tasks, script.threads());
    format!(
        "# Runs {tasks} trainings as pods of one Job; the plan and the runs are in the volume CLAIM.
apiVersion: batch/v1
kind: Job
metadata:
  name: {name}
spec:
  completions: {tasks}
  parallelism: {tasks}
  completionMode: Indexed
  # An evicted pod does not count as a failure. A wrong request, exit code 2, is not tried again.
  backoffLimitPerIndex: 3
  podFailurePolicy:
    rules:
      - {{action: Ignore, onPodConditions: [{{type: DisruptionTarget, status: \"True\"}}]}}
      - {{action: FailIndex, onExitCodes: {{operator: In, values: [2]}}}}
  template:
    spec:
      restartPolicy: Never
      terminationGracePeriodSeconds: 60
      containers:
        - name: vae
          image: IMAGE
          workingDir: {VOLUME}
          command: [{words}]
          resources:
            requests: {{cpu: {threads}, memory: 1Gi}}
            limits: {{memory: 2Gi{card}}}
          volumeMounts: [{{name: sweep, mountPath: {VOLUME}}}]
      volumes:
        - {{name: sweep, persistentVolumeClaim: {{claimName: CLAIM}}}}
",
        name = dns_name(&script.name()),
        words = words.join(", "),
    )
}

/// Returns a name as Kubernetes allows it: small letters, digits and hyphens, with a letter or a digit at both ends.
fn dns_name(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    let plain: String = lower
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .take(LONGEST)
        .collect();
    match plain.trim_matches('-') {
        "" => "sweep".to_owned(),
        name => name.to_owned(),
    }
}
