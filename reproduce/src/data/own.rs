//! Images of one's own in the data directory: folders of class folders that no catalogue knows.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use training::data::{ImageFolder, Part};

use super::catalogue::DATA_SETS;

/// A folder with images in class folders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnImages {
    /// Its name in the data directory.
    pub name: String,
    /// Where it is.
    pub folder: PathBuf,
    /// How many classes it has.
    pub classes: usize,
    /// How many image files.
    pub images: usize,
}

/// Those that the data directory holds beside the published sets, by name.
pub fn own_images(data: &Path) -> Vec<OwnImages> {
    let entries = std::fs::read_dir(data).into_iter().flatten().flatten();
    let mut found: Vec<OwnImages> = entries.filter_map(|entry| look(&entry.path())).collect();
    found.sort_by(|one, other| one.name.cmp(&other.name));
    found
}

/// A folder that holds images in class folders, and is no published set's.
fn look(folder: &Path) -> Option<OwnImages> {
    let name = folder.file_name()?.to_str()?.to_string();
    if DATA_SETS.iter().any(|data_set| data_set.folder == name) || !folder.is_dir() {
        return None;
    }
    let images = ImageFolder::open(folder).ok()?;
    Some(OwnImages {
        name,
        folder: folder.to_path_buf(),
        classes: images.classes().len(),
        images: [Part::Train, Part::Test].map(|part| images.files(part).len()).iter().sum(),
    })
}

impl OwnImages {
    /// Some lines for people.
    pub fn text(&self) -> String {
        let OwnImages { name, folder, classes, images } = self;
        format!(
            "{name:<14} found       {}\n  Images in class folders, of no published set: {images} files, \
             {classes} classes\n  to train on it: images: {{set: folder, path: {name}, ...}}\n",
            folder.display()
        )
    }

    /// One object for programs.
    pub fn json(&self) -> Value {
        json!({
            "event": "own-images", "name": self.name, "folder": self.folder,
            "classes": self.classes, "images": self.images,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_class_folders_are_found_and_published_sets_and_others_are_not() {
        let data = tempfile::tempdir().unwrap();
        for folder in ["pets/cats", "pets/dogs", "mnist/zero", "empty", "texts/one"] {
            std::fs::create_dir_all(data.path().join(folder)).unwrap();
        }
        for file in ["pets/cats/1.png", "pets/cats/2.jpg", "pets/dogs/3.JPEG", "mnist/zero/4.png"] {
            std::fs::write(data.path().join(file), "").unwrap();
        }
        std::fs::write(data.path().join("texts/one/a.txt"), "").unwrap();
        let found = own_images(data.path());
        let [pets] = &found[..] else { panic!("{found:?}") };
        assert_eq!((pets.name.as_str(), pets.classes, pets.images), ("pets", 2, 3));
        assert!(pets.text().contains("3 files, 2 classes"), "{}", pets.text());
        assert!(pets.text().contains("{set: folder, path: pets, ...}"));
        assert_eq!(pets.json()["images"], 3);
        assert_eq!(own_images(&data.path().join("nowhere")), []);
    }
}
