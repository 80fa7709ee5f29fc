//! The laws that must hold in every state.

/// One law.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Law {
    /// A child has at most one live incarnation, and only one child is starting or stopping at a time.
    OneLife,
    /// Children are started in the order of their specs: at boot, and again in a group.
    StartOrder,
    /// Children are stopped in the reverse of that order.
    StopOrder,
    /// A group restart concerns exactly the children that the strategy names.
    Group,
    /// A child that ended is restarted or not as its restart type says (OTP's table).
    RestartType,
    /// Restarts are granted exactly as OTP's window counts them; every one is counted.
    Intensity,
    /// No timer or late retry starts a child that was terminated or dropped.
    NoLateStart,
    /// A supervisor that has ended has no children and does nothing.
    NoOrphan,
    /// Each command is answered once.
    Answered,
    /// An event of an older life changes nothing.
    LateEvent,
    /// When nothing is in progress, the supervisor is idle or has ended, and a child that is to be
    /// restarted has a timer or a retry.
    NeverStuck,
    /// It ends with the reason it should.
    Reason,
}

impl Law {
    /// All laws.
    pub const ALL: [Self; 12] = [
        Self::OneLife,
        Self::StartOrder,
        Self::StopOrder,
        Self::Group,
        Self::RestartType,
        Self::Intensity,
        Self::NoLateStart,
        Self::NoOrphan,
        Self::Answered,
        Self::LateEvent,
        Self::NeverStuck,
        Self::Reason,
    ];

    /// Returns its name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OneLife => "never two live incarnations of one child",
            Self::StartOrder => "start order",
            Self::StopOrder => "reverse stop order",
            Self::Group => "a group is what the strategy says",
            Self::RestartType => "restart types",
            Self::Intensity => "intensity never exceeded without giving up",
            Self::NoLateStart => "no timer for a stopped child",
            Self::NoOrphan => "a supervisor that ends leaves no child",
            Self::Answered => "every command is answered once",
            Self::LateEvent => "late events are dropped",
            Self::NeverStuck => "never stuck",
            Self::Reason => "it ends with the right reason",
        }
    }
}

/// The name of the liveness property: on every path, the supervisor comes to rest.
pub const COMES_TO_REST: &str = "it comes to rest";
