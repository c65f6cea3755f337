//! A text that should be the settings of an exhibit: it is refused with its line, or becomes a task
//! that says what it needs, and whose settings in the form that the cache knows them by are read as
//! the same settings.

#![no_main]

use fuzz::Folder;
use libfuzzer_sys::fuzz_target;
use reproduce::exhibit::settings::Scale;
use reproduce::task::Task;
use std::sync::LazyLock;

static FOLDER: LazyLock<Folder> = LazyLock::new(Folder::default);

fn task(text: &[u8], scale: Scale) -> Option<Task> {
    let path = FOLDER.write("mine.yaml", text);
    let task = Task::new(path.to_str().expect("the temporary directory has a name"), scale, 1);
    task.map_err(|error| assert!(!error.to_string().is_empty())).ok()
}

fuzz_target!(|bytes: &[u8]| {
    for scale in [Scale::Quick, Scale::Standard, Scale::Paper] {
        let Some(found) = task(bytes, scale) else { return };
        for warning in found.warnings() {
            assert!(warning.contains("mine.yaml"), "{warning}");
        }
        if let Err(error) = found.check_memory(Some(4_000_000_000)) {
            assert!(error.to_string().contains("mine.yaml"), "{error}");
        }
        // YAML has no unprintable characters, and JSON has some.
        if !found.configured.settings.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return;
        }
        let name = found.exhibit.name;
        let text = format!("{{exhibit: {name}, settings: {}}}", found.configured.settings);
        let again = task(text.as_bytes(), scale).expect("what was read can be read again");
        assert_eq!(again.key(None), found.key(None));
    }
});
