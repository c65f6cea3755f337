//! The names that a user may give to an experiment and its files.

use crate::exhibits::built_in;

/// Files and folders beside the figures that belong to no exhibit.
const TAKEN: [&str; 5] = ["readme", "index", "headline", "notes", "bench"];

/// Checks a name for an experiment of a user's own and its files: letters, digits, hyphens and
/// underscores, and none that has files already: those of a built-in exhibit are committed, and so
/// are its figures, `NAME-curves.svg`.
///
/// # Errors
/// Says what is wrong with the name.
pub fn check_own(name: &str) -> Result<(), String> {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
    if name.is_empty() || !name.chars().all(is_plain) {
        return Err(format!(
            "the name {name:?} is not made of letters, digits, hyphens and underscores"
        ));
    }
    // Some file systems do not tell capitals apart.
    let lower = name.to_ascii_lowercase();
    let owner = built_in().find(|(_, own)| share_files(name, own.name));
    if let Some((_, own)) = owner {
        return Err(format!(
            "its files would take the place of those of the built-in exhibit {}; give the file \
             another name",
            own.name
        ));
    }
    if TAKEN.contains(&lower.as_str()) {
        return Err(format!(
            "the page and the lists have files called {lower}; give the file another name"
        ));
    }
    Ok(())
}

/// Whether the files of two experiments would have names in common, on a file system that does not
/// tell capitals apart.
pub fn share_files(one: &str, other: &str) -> bool {
    let (one, other) = (one.to_ascii_lowercase(), other.to_ascii_lowercase());
    let is_figure = |name: &str, of: &str| {
        let part = name.strip_prefix(of).and_then(|rest| rest.strip_prefix('-'));
        part.is_some_and(|part| FIGURES.contains(&part))
    };
    one == other || is_figure(&one, &other) || is_figure(&other, &one)
}

/// How the figures of built-in exhibits are called after the exhibit's name.
const FIGURES: [&str; 14] = [
    "course",
    "curves",
    "designs",
    "devices",
    "gradients",
    "memory",
    "multipliers",
    "prior",
    "ratio",
    "sampled",
    "scores",
    "sensitivity",
    "sizes",
    "variants",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_and_a_file_of_one_name_are_shared() {
        assert!(share_files("z", "z-curves") && share_files("Z-curves", "z"));
        assert!(share_files("z", "Z") && !share_files("z", "z-curve"));
        assert!(!share_files("z-curves", "z-ratio"));
    }

    #[test]
    fn names_of_files_that_there_are_cannot_be_given() {
        for name in
            ["claims", "Claims", "mlp-accuracy", "mlp-accuracy-curves", "gradient-error-ratio"]
        {
            assert!(check_own(name).unwrap_err().contains("built-in exhibit"), "{name}");
        }
        for name in ["README", "index", "headline", "notes", "bench"] {
            assert!(check_own(name).unwrap_err().contains("the page"), "{name}");
        }
        for name in ["", "..", "a b", "a/b", "a\\b", "a.b", "résumé"] {
            assert!(check_own(name).unwrap_err().contains("is not made of letters"), "{name}");
        }
        for name in ["mine", "mlp-accuracy-wide", "claims2", "wide_layers-3"] {
            assert_eq!(check_own(name), Ok(()));
        }
    }

    #[test]
    fn every_committed_figure_belongs_to_an_exhibit_by_its_name() {
        let figures = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../figures");
        for entry in std::fs::read_dir(figures).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let stem = name.split('.').next().unwrap_or_default();
            assert!(check_own(stem).is_err(), "{name} could be overwritten");
        }
    }
}
