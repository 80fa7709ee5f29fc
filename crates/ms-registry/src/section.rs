//! The section `core.service_registry` of the configuration.

use ms_config::{Problems, Rules, Secret, choices, settings, valid};

choices! {
    /// The registry in which services are announced.
    pub enum RegistryType { Local = "local", Consul = "consul" }
}

settings! {
    /// The registry of services outside the process.
    pub struct ServiceRegistry rules own {
        /// The registry in which services are announced.
        type_: RegistryType = RegistryType::Local,
            part "Consul" else "services are known in this process only" => restart;
        /// Address of the Consul agent.
        url: String = "https://127.0.0.1:8501".to_owned(), valid valid::http,
            part "Consul" else "services are known in this process only" => restart;
        /// The datacenter to announce in.
        datacenter: String = "dc1".to_owned(), valid datacenter,
            part "Consul" else "services are known in this process only" => restart;
        /// Whether the connection to the agent must use TLS.
        encryption: bool = true,
            part "Consul" else "services are known in this process only" protects => restart;
        /// The ACL token.
        token: Secret = Secret::default(),
            part "Consul" else "services are known in this process only" protects => restart;
    } sections {}
}

impl Rules for ServiceRegistry {
    fn rules(&self, at: &str, problems: &mut Problems) {
        if self.encryption && !self.url.starts_with("https://") {
            let problem = format!("must start with https:// while `{at}encryption` is true");
            problems.add(format!("{at}url"), problem);
        }
    }
}

/// Checks the name of a datacenter by the rules of Consul.
fn datacenter(name: &str) -> Result<(), String> {
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    match !name.is_empty() && name.chars().all(fine) {
        true => Ok(()),
        false => Err("must consist of letters, digits, '-' and '_' (all ASCII)".to_owned()),
    }
}
