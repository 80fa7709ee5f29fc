//! Merging the layers. No value takes effect unless all are right.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ms_core::private::Exposed;

use crate::declare::{Key, SetError, Settings, keys};
use crate::error::{ConfigError, ConfigErrors, Problem, Problems};
use crate::layer;
use crate::unbuilt;
use crate::value::{Place, Raw, Spot};

/// A rule of the application on the typed configuration. It runs after the built-in rules.
pub trait Validator<C>: Send + Sync {
    /// Returns the name of the rule, for messages.
    fn name(&self) -> &str;

    /// Adds what is wrong.
    fn validate(&self, config: &C, problems: &mut Problems);
}

/// The sources of a configuration. Loading it again is a reload. A clone copies the sources.
pub struct Loader<C> {
    dir: PathBuf,
    environment: String,
    env: Vec<(OsString, OsString)>,
    set: Vec<String>,
    validators: Vec<Arc<dyn Validator<C>>>,
}

impl<C> Clone for Loader<C> {
    fn clone(&self) -> Self {
        Self {
            dir: self.dir.clone(),
            environment: self.environment.clone(),
            env: self.env.clone(),
            set: self.set.clone(),
            validators: self.validators.clone(),
        }
    }
}

impl<C> std::fmt::Debug for Loader<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Without variables and options, which may contain secrets.
        f.debug_struct("Loader")
            .field("dir", &self.dir)
            .field("environment", &self.environment)
            .finish_non_exhaustive()
    }
}

/// A configuration without errors, and the places of its values.
#[derive(Debug, Clone)]
pub struct Loaded<C> {
    /// The values.
    pub config: C,
    /// The places by key, for keys that are not at their default.
    pub origins: HashMap<String, Place>,
    /// Settings that are not wrong but should be checked.
    pub warnings: Vec<String>,
}

impl<C: Settings> Loader<C> {
    /// Returns a loader of the files in `dir`, for the environment named by `$ENVIRONMENT`, with
    /// the variables of this process.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        let environment = std::env::var_os(layer::ENVIRONMENT).map_or_else(
            || layer::DEFAULT_ENVIRONMENT.into(),
            |name| name.to_string_lossy().into(),
        );
        Self {
            dir: dir.into(),
            environment,
            env: std::env::vars_os().collect(),
            set: Vec::new(),
            validators: Vec::new(),
        }
    }

    /// Sets the environment.
    #[must_use]
    pub fn environment(mut self, name: impl Into<String>) -> Self {
        self.environment = name.into();
        self
    }

    /// Replaces the variables of the process by these.
    #[must_use]
    pub fn env(mut self, vars: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        self.env = vars.into_iter().collect();
        self
    }

    /// Adds options of the command line: the texts after each `--set`.
    #[must_use]
    pub fn set(mut self, options: impl IntoIterator<Item = String>) -> Self {
        self.set.extend(options);
        self
    }

    /// Adds a rule of the application.
    #[must_use]
    pub fn validator(mut self, validator: impl Validator<C> + 'static) -> Self {
        self.validators.push(Arc::new(validator));
        self
    }

    /// Returns the directory of the files.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Returns the name of the environment.
    #[must_use]
    pub fn environment_name(&self) -> &str {
        &self.environment
    }

    /// Reads and checks all layers. It blocks on the file system, so it must not be called on an
    /// arbiter.
    ///
    /// # Errors
    /// [`ConfigErrors`] with the errors of all layers. Rules between keys are checked only when
    /// every single value is right.
    pub fn load(&self) -> Result<Loaded<C>, ConfigErrors> {
        let mut merge = Merge::<C>::new();
        self.files(&mut merge);
        for single in layer::of_env(&self.env, &mut merge.errors) {
            merge.single(&single.key, &single.spot, Layer::Env);
        }
        for single in layer::of_command(&self.set, &mut merge.errors) {
            merge.single(&single.key, &single.spot, Layer::Command);
        }
        // A rule would see defaults in place of wrong values, and report errors that are none.
        if merge.errors.is_empty() {
            merge.errors = self.validate(&merge.config, &merge.origins);
        }
        if !merge.errors.is_empty() {
            return Err(ConfigErrors::new(merge.errors));
        }
        merge.warnings.extend(unbuilt::warnings(&merge.config, &merge.origins));
        Ok(Loaded { config: merge.config, origins: merge.origins, warnings: merge.warnings })
    }

    fn files(&self, merge: &mut Merge<C>) {
        let base = layer::base_file(&self.dir).map(Some);
        let named = layer::check_environment(&self.environment)
            .and_then(|()| layer::environment_file(&self.dir, &self.environment));
        // Both are read even if one has errors, so that the errors of both are reported at once.
        for found in [base, named] {
            match found {
                Ok(None) => {}
                Ok(Some(path)) => match layer::read_file(&path) {
                    Ok(file) => merge.file(&file.root, file.exposed),
                    Err(errors) => merge.errors.extend(errors),
                },
                Err(error) => merge.errors.push(error),
            }
        }
    }

    /// Checks the rules: the built-in ones, then those of the application. Returns all errors.
    #[must_use]
    pub fn validate(&self, config: &C, origins: &HashMap<String, Place>) -> Vec<ConfigError> {
        let mut built_in = Problems::default();
        config.check("", &mut built_in);
        unbuilt::refuse(config, &mut built_in);
        let mut errors = errors_of(built_in, "built-in", origins);
        for validator in &self.validators {
            let mut problems = Problems::default();
            validator.validate(config, &mut problems);
            errors.extend(errors_of(problems, validator.name(), origins));
        }
        errors
    }
}

fn errors_of(problems: Problems, by: &str, origins: &HashMap<String, Place>) -> Vec<ConfigError> {
    let failed = |Problem { key, what: problem, is_unsafe }| {
        let place = origins.get(&key).cloned();
        match is_unsafe {
            true => ConfigError::Unsafe { place, key, problem },
            false => ConfigError::ValidationFailed { place, key, problem, by: by.to_owned() },
        }
    };
    problems.0.into_iter().map(failed).collect()
}

/// The kind of a layer, which decides whether it may contain secrets.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Layer {
    PrivateFile,
    OpenFile,
    Env,
    Command,
}

struct Merge<C> {
    config: C,
    origins: HashMap<String, Place>,
    warnings: Vec<String>,
    errors: Vec<ConfigError>,
    keys: HashMap<String, Key>,
    sections: HashSet<String>,
    /// Why the file that is being merged may not contain secrets; `None` when it may.
    exposed: Option<Exposed>,
}

impl<C: Settings> Merge<C> {
    fn new() -> Self {
        let keys: HashMap<String, Key> =
            keys::<C>().into_iter().map(|key| (key.path.clone(), key)).collect();
        let sections = keys.keys().flat_map(|path| above(path)).collect();
        Self {
            config: C::default(),
            origins: HashMap::new(),
            warnings: Vec::new(),
            errors: Vec::new(),
            keys,
            sections,
            exposed: None,
        }
    }

    fn file(&mut self, root: &Spot, exposed: Option<Exposed>) {
        let layer = if exposed.is_none() { Layer::PrivateFile } else { Layer::OpenFile };
        self.exposed = exposed;
        match &root.raw {
            Raw::Null => {}
            Raw::Table(entries) => self.table("", entries, layer),
            other => self.errors.push(ConfigError::Syntax {
                place: root.place.clone(),
                message: format!("the file must be a table of sections, not {}", other.what()),
            }),
        }
    }

    fn table(&mut self, prefix: &str, entries: &[(String, Place, Spot)], layer: Layer) {
        for (name, name_place, spot) in entries {
            let path = format!("{prefix}{name}");
            if !self.sections.contains(&path) {
                self.value(&path, spot, name_place, layer);
                continue;
            }
            match &spot.raw {
                // A section without a line in YAML is null.
                Raw::Null => {}
                Raw::Table(inner) => self.table(&format!("{path}."), inner, layer),
                other => {
                    self.wrong(&path, &spot.place, format!("is a section, not {}", other.what()))
                }
            }
        }
    }

    fn single(&mut self, key: &str, spot: &Spot, layer: Layer) {
        self.value(key, spot, &spot.place, layer);
    }

    fn value(&mut self, path: &str, spot: &Spot, name_place: &Place, layer: Layer) {
        let Some(key) = self.keys.get(path) else {
            self.errors.push(ConfigError::UnknownKey {
                place: name_place.clone(),
                key: path.to_owned(),
                nearest: nearest(path, self.keys.keys().chain(&self.sections)),
            });
            return;
        };
        if key.secret && !self.may_hold_secrets(path, spot, layer) {
            return;
        }
        match self.config.set(path, &spot.raw) {
            Ok(()) => {
                self.origins.insert(path.to_owned(), spot.place.clone());
            }
            Err(SetError::Wrong(problem)) => self.wrong(path, &spot.place, problem),
            // Unreachable: the table of keys and the setter come from one declaration.
            Err(SetError::Unknown) => self.wrong(path, &spot.place, "cannot be set".to_owned()),
        }
    }

    fn wrong(&mut self, path: &str, place: &Place, problem: String) {
        self.errors.push(ConfigError::WrongValue {
            place: place.clone(),
            key: path.to_owned(),
            problem,
            overrides: self.origins.get(path).cloned().map(Box::new),
        });
    }

    fn may_hold_secrets(&mut self, path: &str, spot: &Spot, layer: Layer) -> bool {
        let advice = match layer {
            Layer::PrivateFile => return true,
            Layer::Env => {
                self.warnings.push(format!(
                    "{}: `{path}` is a secret, and other processes may read environment variables; \
                     write it into a file of mode 0600 instead",
                    spot.place
                ));
                return true;
            }
            Layer::OpenFile => match &self.exposed {
                Some(exposed) => format!("it may not stand in this file: {exposed}"),
                None => "it may not stand in this file".to_owned(),
            },
            Layer::Command => {
                "every process sees the command line: write it into a file of mode 0600".to_owned()
            }
        };
        self.errors.push(ConfigError::SecretInTheOpen {
            place: spot.place.clone(),
            key: path.to_owned(),
            advice,
        });
        false
    }
}

/// Returns the sections above a key.
fn above(path: &str) -> impl Iterator<Item = String> + '_ {
    path.match_indices('.').map(|(at, _)| path[..at].to_owned())
}

/// Returns the declared name that is most like `path`, if one is near.
fn nearest<'k>(path: &str, names: impl Iterator<Item = &'k String>) -> Option<String> {
    // The distance costs the product of the lengths, and names come from outside.
    if path.len() > 128 {
        return None;
    }
    let last = |text: &str| text.rsplit('.').next().unwrap_or_default().to_owned();
    let distance = |name: &String| {
        let whole = strsim::damerau_levenshtein(path, name);
        // The right name in the wrong section is a frequent mistake, however far the paths are apart.
        if last(name) == last(path) { whole.min(3) } else { whole }
    };
    let best = names.map(|name| (distance(name), name)).min()?;
    (best.0 <= 3.max(path.len() / 4)).then(|| best.1.clone())
}
