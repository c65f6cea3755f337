//! Iris and Wine as the UCI repository publishes them: a sample a line, values between commas.
//!
//! Files come from outside: no more of them is read than the published sets are large, and what is
//! no number is named by file, line and field.

use crate::samples::Samples;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use training::data::is_web_page;

/// Why a table cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// There is no such file.
    #[error(
        "{}: there is no {name}, here or in its subfolder {subfolder}; the UCI Machine Learning \
         Repository publishes it",
        folder.display()
    )]
    Missing {
        /// The data directory.
        folder: PathBuf,
        /// The published name.
        name: &'static str,
        /// The folder of the set.
        subfolder: &'static str,
    },
    /// The file cannot be read, or is no text.
    #[error("{path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A server's page was saved under the data's name.
    #[error("{path}: this is an HTML page and no data: the download was answered by a page")]
    WebPage {
        /// The file.
        path: PathBuf,
    },
    /// The file is larger than the published set.
    #[error("{path}: the file has more than {most} bytes, many more than published")]
    Large {
        /// The file.
        path: PathBuf,
        /// What is read at most.
        most: u64,
    },
    /// A line has too few or too many fields.
    #[error("{path}: line {line} has {found} fields, not {expected}")]
    Fields {
        /// The file.
        path: PathBuf,
        /// Its line, from 1.
        line: usize,
        /// Fields there are.
        found: usize,
        /// Fields of the set.
        expected: usize,
    },
    /// A field is no finite number.
    #[error("{path}: line {line}: the {field} is '{text}', not a finite number")]
    Number {
        /// The file.
        path: PathBuf,
        /// Its line, from 1.
        line: usize,
        /// What the field means.
        field: &'static str,
        /// What is there.
        text: String,
    },
    /// A class is none of the set.
    #[error("{path}: line {line}: the class is '{text}', expected {expected}")]
    Class {
        /// The file.
        path: PathBuf,
        /// Its line, from 1.
        line: usize,
        /// What is there.
        text: String,
        /// What the classes are.
        expected: String,
    },
    /// A class has no sample.
    #[error("{path}: class {class} has no sample")]
    NoSample {
        /// The file.
        path: PathBuf,
        /// The class.
        class: &'static str,
    },
}

/// What is read of a file at most; both published ones have below 11,000 bytes.
const MOST_BYTES: u64 = 1 << 20;

/// A published table.
struct Published {
    name: &'static str,
    file: &'static str,
    subfolder: &'static str,
    /// The class as written in the file, and its name.
    classes: [(&'static str, &'static str); 3],
    features: &'static [&'static str],
    class_is_first: bool,
}

const IRIS: Published = Published {
    name: "Iris",
    file: "iris.data",
    subfolder: "iris",
    classes: [
        ("Iris-setosa", "setosa"),
        ("Iris-versicolor", "versicolor"),
        ("Iris-virginica", "virginica"),
    ],
    features: &["sepal length", "sepal width", "petal length", "petal width"],
    class_is_first: false,
};

const WINE: Published = Published {
    name: "Wine",
    file: "wine.data",
    subfolder: "wine",
    classes: [("1", "cultivar 1"), ("2", "cultivar 2"), ("3", "cultivar 3")],
    features: &[
        "alcohol",
        "malic acid",
        "ash",
        "alcalinity of ash",
        "magnesium",
        "total phenols",
        "flavanoids",
        "nonflavanoid phenols",
        "proanthocyanins",
        "colour intensity",
        "hue",
        "OD280/OD315",
        "proline",
    ],
    class_is_first: true,
};

/// Iris (Fisher 1936): 150 flowers, four measurements in cm, three species; from `iris.data` in the
/// folder or its subfolder `iris`.
///
/// # Errors
/// When the file is missing, cannot be read, or is not laid out as published; the error names the
/// file, the line and the field.
pub fn load_iris(folder: &Path) -> Result<Samples, TableError> {
    IRIS.load(folder)
}

/// Wine (Aeberhard and Forina 1991): 178 wines, thirteen measurements, three cultivars; from
/// `wine.data` in the folder or its subfolder `wine`.
///
/// # Errors
/// As [`load_iris`].
pub fn load_wine(folder: &Path) -> Result<Samples, TableError> {
    WINE.load(folder)
}

impl Published {
    fn load(&self, folder: &Path) -> Result<Samples, TableError> {
        let paths = [folder.join(self.file), folder.join(self.subfolder).join(self.file)];
        let path = paths.into_iter().find(|path| path.is_file()).ok_or(TableError::Missing {
            folder: folder.to_owned(),
            name: self.file,
            subfolder: self.subfolder,
        })?;
        let mut bytes = Vec::new();
        File::open(&path)
            .and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes))
            .map_err(|source| TableError::Unreadable { path: path.clone(), source })?;
        self.read(path, &bytes)
    }

    fn read(&self, path: PathBuf, bytes: &[u8]) -> Result<Samples, TableError> {
        if bytes.len() as u64 > MOST_BYTES {
            return Err(TableError::Large { path, most: MOST_BYTES });
        }
        if is_web_page(bytes) {
            return Err(TableError::WebPage { path });
        }
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let source = std::io::Error::new(std::io::ErrorKind::InvalidData, error);
                return Err(TableError::Unreadable { path, source });
            }
        };
        let mut samples = Samples {
            name: self.name.to_owned(),
            classes: self.classes.iter().map(|(_, name)| (*name).to_owned()).collect(),
            features: self.features.len(),
            values: Vec::new(),
            labels: Vec::new(),
        };
        // The published Iris ends in an empty line.
        let lines = (1..).zip(text.lines()).filter(|(_, text)| !text.trim().is_empty());
        for (line, text) in lines {
            self.read_line(&path, line, text, &mut samples)?;
        }
        if let Some(class) = samples.of_classes().iter().position(Vec::is_empty) {
            return Err(TableError::NoSample { path, class: self.classes[class].1 });
        }
        Ok(samples)
    }

    fn read_line(
        &self,
        path: &Path,
        line: usize,
        text: &str,
        samples: &mut Samples,
    ) -> Result<(), TableError> {
        let mut fields: Vec<&str> = text.split(',').map(str::trim).collect();
        let expected = self.features.len() + 1;
        if fields.len() != expected {
            let (path, found) = (path.to_owned(), fields.len());
            return Err(TableError::Fields { path, line, found, expected });
        }
        let class = fields.remove(if self.class_is_first { 0 } else { expected - 1 });
        let label = self.classes.iter().position(|(written, _)| *written == class);
        samples.labels.push(label.ok_or_else(|| TableError::Class {
            path: path.to_owned(),
            line,
            text: class.to_owned(),
            expected: self.classes.map(|(written, _)| written).join(", "),
        })?);
        for (text, &field) in fields.into_iter().zip(self.features) {
            let value: Option<f64> = text.parse().ok().filter(|value: &f64| value.is_finite());
            samples.values.push(value.ok_or_else(|| {
                let (path, text) = (path.to_owned(), text.to_owned());
                TableError::Number { path, line, field, text }
            })?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THREE: &str = "5.1,3.5,1.4,0.2,Iris-setosa\n7.0,3.2,4.7,1.4,Iris-versicolor\n\
                         6.3,3.3,6.0,2.5,Iris-virginica\n\n";

    fn read(text: &str) -> Result<Samples, TableError> {
        IRIS.read("iris.data".into(), text.as_bytes())
    }

    #[test]
    fn lines_become_samples_and_empty_ones_do_not() {
        let samples = read(THREE).unwrap();
        assert_eq!(samples.labels, [0, 1, 2]);
        assert_eq!(samples.row(1), [7.0, 3.2, 4.7, 1.4]);
        assert_eq!(read(&THREE.replace('\n', "\r\n")).unwrap(), samples);
    }

    #[test]
    fn the_class_of_wine_comes_first() {
        let line = |class: &str| {
            format!("{class},14.23,1.71,2.43,15.6,127,2.8,3.06,.28,2.29,5.64,1.04,3.92,1065\n")
        };
        let text = line("2") + &line("1") + &line("3");
        let samples = WINE.read("wine.data".into(), text.as_bytes()).unwrap();
        assert_eq!(samples.labels, [1, 0, 2]);
        assert_eq!((samples.row(0)[0], samples.row(0)[12]), (14.23, 1065.0));
    }

    #[test]
    fn what_is_wrong_is_named_by_line_and_field() {
        for (from, to, sentence) in [
            ("3.2", "x", "iris.data: line 2: the sepal width is 'x', not a finite number"),
            ("3.2", "NaN", "iris.data: line 2: the sepal width is 'NaN', not a finite number"),
            ("3.2,", "", "iris.data: line 2 has 4 fields, not 5"),
            (
                "Iris-versicolor",
                "rose",
                "iris.data: line 2: the class is 'rose', expected Iris-setosa, Iris-versicolor, \
                 Iris-virginica",
            ),
            ("7.0,3.2,4.7,1.4,Iris-versicolor", "", "iris.data: class versicolor has no sample"),
            (
                "5.1",
                "<!doctype html>",
                "iris.data: this is an HTML page and no data: the download was answered by a page",
            ),
        ] {
            assert_eq!(read(&THREE.replacen(from, to, 1)).unwrap_err().to_string(), sentence);
        }
        assert!(read("").unwrap_err().to_string().contains("class setosa has no sample"));
        let large = THREE.repeat(20_000);
        assert!(matches!(read(&large), Err(TableError::Large { .. })));
        let no_text = IRIS.read("iris.data".into(), &[0xff, 0xfe]);
        assert!(matches!(no_text, Err(TableError::Unreadable { .. })));
    }

    #[test]
    fn a_folder_without_the_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = load_wine(folder.path()).unwrap_err().to_string();
        assert!(error.contains("there is no wine.data, here or in its subfolder wine"), "{error}");
        std::fs::write(folder.path().join("iris.data"), THREE).unwrap();
        assert_eq!(load_iris(folder.path()).unwrap().len(), 3);
    }
}
