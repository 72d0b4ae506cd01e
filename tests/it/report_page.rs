//! Tests `vae report`: what is in a page, that nothing in it runs or is loaded, and what is refused. `tests/page.py` opens
//! pages in a browser.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::own_images::{disc, save};
use crate::program::{Done, MODEL, edited, read, run, vae, with_smoke_run};

const PAGE: &str = "runs/smoke-1/report.html";

fn page(folder: &Path, name: &str) -> String {
    String::from_utf8(read(folder, name)).unwrap()
}

/// Returns the JSON of a page's explorer.
fn explorer(page: &str) -> Value {
    let (_, rest) = page.split_once("id=\"explorer-data\">").unwrap();
    serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap()
}

#[test]
fn a_page_holds_the_numbers_the_figures_and_the_model() {
    let place = with_smoke_run();
    let done = run(place.path(), &["report"]);
    assert_eq!(done.line(), PAGE);
    let said = "with encoder and decoder in float32; open it in a browser, also offline";
    assert!(done.err.contains(said), "{}", done.err);
    let page = page(place.path(), PAGE);
    let evaluation = run(
        place.path(),
        &["eval", "--json", "-q", "--no-reconstruction"],
    );
    let evaluation: Value = serde_json::from_str(evaluation.line()).unwrap();
    let elbo = format!("{:.2}", evaluation["elbo"].as_f64().unwrap());
    for part in [
        "<h1>smoke-1</h1>",
        "<dt>ELBO</dt>",
        &format!("<b>{}</b>", elbo.replace('-', "\u{2212}")),
        "mlp with 8 latents",
        "digits test, 200 images, grey pixels",
        "not a log-likelihood",
        "Verdict: ",
        "aria-label=\"Curve of the loss over the epochs\"",
        "[data.digits]",
        "Content-Security-Policy",
    ] {
        assert!(page.contains(part), "expected {part:?}");
    }
    let explorer = explorer(&page);
    assert_eq!(explorer["image"], serde_json::json!([1, 28, 28]));
    assert_eq!(explorer["axes"].as_array().unwrap().len(), 8);
    let carried = |axis: &Value| axis["carried"].as_f64().unwrap();
    assert!(
        explorer["axes"]
            .as_array()
            .unwrap()
            .is_sorted_by(|a, b| carried(a) >= carried(b))
    );
    assert_eq!(explorer["test"]["count"], 200);
    assert_eq!(explorer["random"], "normal");
    assert_eq!(explorer["selfTest"]["count"], 16);
}

#[test]
fn the_same_run_gives_the_same_page_which_vae_rm_removes() {
    let place = with_smoke_run();
    run(place.path(), &["report", "-q"]).line();
    let first = read(place.path(), PAGE);
    run(place.path(), &["report", "-q", "--threads", "1"]).line();
    assert!(first == read(place.path(), PAGE), "the pages differ");
    let done = run(place.path(), &["rm", "smoke-1", "--yes"]);
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(!place.path().join("runs/smoke-1").exists());
}

#[test]
fn a_page_loads_nothing_and_runs_only_its_own_scripts() {
    let place = with_smoke_run();
    run(place.path(), &["report", "-q"]).line();
    let page = page(place.path(), PAGE);
    let (_, rest) = page.split_once("script-src 'nonce-").unwrap();
    let nonce = &rest[..32];
    let scripts = page.split("<script").skip(1);
    let scripts: Vec<&str> = scripts
        .map(|rest| rest.split('>').next().unwrap())
        .collect();
    assert_eq!(scripts.len(), 4);
    for script in scripts {
        let is_data = script.contains("application/json") || script.contains("text/plain");
        assert!(is_data || script.contains(nonce), "{script}");
    }
    for attribute in [" src=\"", " href=\""] {
        for rest in page.split(attribute).skip(1) {
            let is_inside = rest.starts_with("data:image/png;") || rest.starts_with('#');
            assert!(is_inside, "{}", &rest[..20]);
        }
    }
}

#[test]
fn the_name_of_a_class_is_text_wherever_it_stands() {
    let home = TempDir::new().unwrap();
    let classes = ["a</script><img src=x onerror=alert(1)>", "<!-- \"b\" & 'c'"];
    // A folder's name has no slash, so the first class comes from a table.
    let mut table = String::from("file,label\n");
    for (first, class) in [(0, classes[0]), (1000, classes[1])] {
        for i in 0..30 {
            save(
                home.path(),
                &format!("mine/{}.png", first + i),
                disc(20, 20, first + i),
            );
            table += &format!("{}.png,\"{}\"\n", first + i, class.replace('"', "\"\""));
        }
    }
    fs::write(home.path().join("mine/labels.csv"), table).unwrap();
    let short = [
        "train", "-q", "--data", "mine", "--epochs", "1", "--name", "x<b>&",
    ];
    let conditional = ["--set", "condition.decoder=add"];
    run(home.path(), &[&short[..], &conditional].concat()).line();
    assert_eq!(
        run(home.path(), &["report", "-q"]).line(),
        "runs/x<b>&/report.html"
    );
    let page = page(home.path(), "runs/x<b>&/report.html");
    assert!(page.contains("<h1>x&lt;b&gt;&amp;</h1>"));
    assert_eq!(page.matches("<img src=x").count(), 0);
    assert_eq!(
        page.matches("<!--").count(),
        1,
        "only the first line of the page"
    );
    let found = explorer(&page);
    assert_eq!(found["conditional"], true);
    let mut named: Vec<&str> = found["classes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap())
        .collect();
    named.sort_unstable();
    assert_eq!(named, [classes[1], classes[0]]);
}

#[test]
fn the_page_and_the_exports_of_a_model_file_have_one_name() {
    let place = with_smoke_run();
    let out = ["--out", "a.html", "--no-explorer", "-q"];
    run(place.path(), &[&["report", MODEL][..], &out].concat()).line();
    assert!(page(place.path(), "a.html").contains("<h1>model</h1>"));
    let export = ["export", MODEL, "--to", "huggingface", "--out", "hub"];
    assert_eq!(run(place.path(), &export).code, Some(0));
    let card = String::from_utf8(read(place.path(), "hub/README.md")).unwrap();
    assert!(card.contains("\n# model\n"), "{card}");
}

#[test]
fn without_its_data_a_page_has_what_needs_none() {
    let place = with_smoke_run();
    // As another version of the program would generate other digits.
    edited(place.path(), |card, _| card["data_hash"] = "md5:0".into());
    let done = run(place.path(), &["report"]);
    assert_eq!(done.line(), PAGE);
    assert!(
        done.err.contains("the page has no test images"),
        "{}",
        done.err
    );
    let page = page(place.path(), PAGE);
    assert!(page.contains("was not at hand") && page.contains("<dt>ELBO</dt>"));
    let explorer = explorer(&page);
    assert!(explorer["test"].is_null() && explorer["axes"][0]["carried"].is_null());
    // Who names the data wants it in the page.
    run(place.path(), &["report", "--other-data", "-q"]).line();
    let text = String::from_utf8(read(place.path(), PAGE)).unwrap();
    assert!(text.contains("not the data that the model was trained on"));
}

#[test]
fn an_autoencoder_has_no_elbo_and_no_prior_and_says_so() {
    let home = TempDir::new().unwrap();
    let train = [
        "train", "-q", "--config", "smoke", "--name", "ae", "--epochs", "1",
    ];
    run(
        home.path(),
        &[&train[..], &["--set", "objective.autoencoder="]].concat(),
    )
    .line();
    run(home.path(), &["report", "-q"]).line();
    let page = page(home.path(), "runs/ae/report.html");
    assert!(!page.contains("<dt>ELBO</dt>") && page.contains("<dt>Reconstruction</dt>"));
    assert!(page.contains("an autoencoder has no ELBO"));
    assert_eq!(explorer(&page)["random"], "none");
}

#[test]
fn a_trained_prior_is_drawn_from_before() {
    let home = TempDir::new().unwrap();
    let train = [
        "train", "-q", "--config", "smoke", "--name", "vamp", "--epochs", "1",
    ];
    run(
        home.path(),
        &[&train[..], &["--set", "prior.vamp.pseudo_inputs=5"]].concat(),
    )
    .line();
    run(home.path(), &["report", "-q"]).line();
    let page = page(home.path(), "runs/vamp/report.html");
    let found = explorer(&page);
    assert_eq!(found["random"], "drawn");
    // 256 latents of 8 float32 in base64.
    assert_eq!(
        found["drawn"].as_str().unwrap().len(),
        (256 * 8 * 4_usize).div_ceil(3) * 4
    );
    assert!(page.contains("95 % of 256 samples from the prior (vamp)"));
}

#[test]
fn float16_halves_the_weights_and_says_what_that_changes() {
    let place = with_smoke_run();
    let size = |arguments: &[&str]| {
        run(place.path(), &[&["report", "-q"], arguments].concat()).line();
        let page = page(place.path(), PAGE);
        let (_, rest) = page.split_once("id=\"weights\">").unwrap();
        (rest.find('<').unwrap(), page)
    };
    let (whole, _) = size(&[]);
    let (half, page) = size(&["--f16"]);
    assert!(2 * half < 11 * whole / 10, "{half} of {whole}");
    assert!(
        page.contains("decoded 200 latents with and without this, no pixel differed by more than")
    );
    assert_eq!(explorer(&page)["selfTest"]["tolerance"], 1.0 / 255.0);
    run(place.path(), &["report", "-q", "--no-explorer"]).line();
    let page = String::from_utf8(read(place.path(), PAGE)).unwrap();
    assert!(!page.contains("<script") && page.contains("Verdict: "));
}

#[test]
fn a_file_of_somebody_else_is_never_replaced() {
    let place = with_smoke_run();
    fs::write(place.path().join("mine.html"), "<p>mine").unwrap();
    run(place.path(), &["report", "--out", "mine.html"]).failed(
        2,
        &[
            "mine.html: there is a file that `vae report` did not write",
            "hint: ",
        ],
    );
    assert_eq!(read(place.path(), "mine.html"), b"<p>mine");
    let other = run(
        place.path(),
        &["report", "-q", "--out", "new/other.html", "--images", "20"],
    );
    assert_eq!(other.line(), "new/other.html");
    let page = page(place.path(), "new/other.html");
    assert_eq!(explorer(&page)["test"]["count"], 20);
    // A model file alone has no folder for its page.
    let alone = run(place.path(), &["report", "-q", MODEL]);
    assert_eq!(alone.line(), "report.html");
}

#[test]
fn the_browser_opens_the_page_or_the_error_says_how_to() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let place = with_smoke_run();
    let opener = place.path().join("bin/xdg-open");
    fs::create_dir_all(opener.parent().unwrap()).unwrap();
    let open = |script: &str| {
        fs::write(&opener, format!("#!/bin/sh\n{script}\n")).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(&opener, mode).unwrap();
        let arguments = ["report", "--open", "--no-explorer", "-q"];
        let mut command = vae(place.path(), &arguments);
        command.env(
            "PATH",
            format!("{}:/bin", opener.parent().unwrap().display()),
        );
        command.output().unwrap()
    };
    let opened = open("echo \"$1\" >opened");
    assert!(opened.status.success(), "{opened:?}");
    let path = fs::canonicalize(place.path().join(PAGE)).unwrap();
    assert_eq!(page(place.path(), "opened").trim(), path.to_str().unwrap());
    let failed = Done::of(open("exit 3"));
    assert_eq!((failed.code, failed.out.trim()), (Some(1), PAGE));
    for part in [
        "the page was written, but no browser opened it",
        "hint: open runs/smoke-1/report.html by hand",
    ] {
        assert!(failed.err.contains(part), "{}", failed.err);
    }
}
