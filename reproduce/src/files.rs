//! The files of an exhibit: figures, CSV and a Markdown report, and the list of all of them.

use std::path::Path;

use anyhow::Context as _;

use crate::cache::write_whole;
use crate::exhibits::built_in;
use crate::plot;
use crate::result::ExhibitResult;
use crate::task::Task;

/// Name and text of every file of an exhibit. All are made before any is written.
///
/// # Errors
/// When a figure cannot be drawn.
pub fn of_exhibit(task: &Task, result: &ExhibitResult) -> anyhow::Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    let mut pictures = String::new();
    for figure in &result.figures {
        let name = match figure.part.as_str() {
            "" => format!("{}.svg", task.name),
            part => format!("{}-{part}.svg", task.name),
        };
        let svg = plot::draw(figure)?;
        pictures.push_str(&format!("![{}]({name})\n\n", figure.caption));
        files.push((name, svg));
    }
    files.push((format!("{}.csv", task.name), result.records.csv()?));
    files.extend(result.json.clone().map(|json| (format!("{}.json", task.name), json)));
    let tables: Vec<String> = result.tables.iter().map(|table| table.markdown()).collect();
    let failures = result.failures.iter().map(|failure| format!("**Failed.** {failure}\n\n"));
    let pictures = failures.collect::<String>() + &pictures;
    let remarks: Vec<String> = result.remarks.iter().map(|r| format!("- {r}\n")).collect();
    let finding = match result.finding.as_str() {
        "" => String::new(),
        finding => format!("**{finding}**\n\n"),
    };
    let report = format!(
        "# {}\n\n{finding}This exhibit shows {}.\n\n{pictures}{}\n{}\n\
         All numbers: [{name}.csv]({name}.csv). Same quantity in the paper: {}.\n\n\
         Data: {}. Scale: {}. Seed: {}. Settings: {}.\n",
        result.title,
        task.exhibit.shows,
        tables.join("\n"),
        remarks.concat(),
        task.exhibit.paper,
        result.data,
        task.scale,
        task.seed,
        task.settings_hash(),
        name = task.name,
    );
    files.push((format!("{}.md", task.name), report));
    Ok(files)
}

/// Writes the files of an exhibit into `folder`.
///
/// # Errors
/// Names the file that cannot be written.
pub fn write(folder: &Path, files: &[(String, String)]) -> anyhow::Result<()> {
    files.iter().try_for_each(|(name, text)| write_whole(&folder.join(name), text))
}

/// Writes `README.md`: the claims of the paper with their verdicts, then a line for all built-in
/// settings that have a report in `folder`, with its first figure.
///
/// # Errors
/// When the folder cannot be read or written.
pub fn write_list(folder: &Path, claims: &str) -> anyhow::Result<()> {
    let mut text = format!(
        "# What we found\n\n{claims}\nThe page `index.html` beside this file shows it all, with proofs; \
         it opens in any browser. Written by `cargo run --release -p reproduce`; do not edit.\n\n\
         ## Figures and tables\n\n"
    );
    let is_there = |name: &str| folder.join(format!("{name}.md")).exists();
    for (exhibit, own) in built_in().filter(|(_, own)| is_there(own.name)) {
        let apart = if own.apart.is_empty() { "" } else { &format!(", {}", own.apart) };
        text.push_str(&format!(
            "- [{name}]({name}.md) ([numbers]({name}.csv)): {}{apart}.\n",
            exhibit.shows,
            name = own.name
        ));
    }
    if folder.join("headline.md").exists() {
        text.push_str("- [headline](headline.md): what sampling saves and costs, by network.\n");
    }
    for (exhibit, own) in built_in().filter(|(_, own)| is_there(own.name)) {
        if folder.join(format!("{}.svg", own.name)).exists() {
            text.push_str(&format!(
                "\n[![{}]({name}.svg)]({name}.md)\n",
                exhibit.title,
                name = own.name
            ));
        }
    }
    write_whole(&folder.join("README.md"), &text)
}

/// Makes sure that `folder` can be written, before anything is computed for it.
///
/// # Errors
/// Names the folder.
pub fn check_writable(folder: &Path) -> anyhow::Result<()> {
    let cannot = || format!("output folder {} cannot be written", folder.display());
    std::fs::create_dir_all(folder).with_context(cannot)?;
    tempfile::tempfile_in(folder).with_context(cannot)?;
    Ok(())
}
