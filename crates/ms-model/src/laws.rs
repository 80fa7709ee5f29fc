//! What must hold in every state, by name.

/// One law; the books say which one was broken, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Law {
    /// A child has at most one live incarnation, and no two children are under way at once.
    OneLife,
    /// Children are started in the order of their specs: at boot, and again in a group.
    StartOrder,
    /// Children are stopped in the reverse of that order.
    StopOrder,
    /// A group restart takes whom the strategy says, all of them and nobody else.
    Group,
    /// What becomes of a child that ended is what its restart type says (OTP's table).
    RestartType,
    /// Restarts are granted exactly as OTP's window counts them; every one is counted.
    Intensity,
    /// A child that was terminated, or let go, is not started by a timer or a late retry.
    NoLateStart,
    /// A supervisor that ends has no child left, and does nothing any more.
    NoOrphan,
    /// Each command is answered, once.
    Answered,
    /// News of an older life change nothing.
    LateNews,
    /// When nothing is under way, the supervisor is idle or gone; a child that is to be
    /// restarted has a timer or a retry on its way.
    NeverStuck,
    /// It ends with the reason it should.
    Reason,
}

impl Law {
    /// All of them.
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
        Self::LateNews,
        Self::NeverStuck,
        Self::Reason,
    ];

    /// As it is shown.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OneLife => "never two live incarnations of one child",
            Self::StartOrder => "start order",
            Self::StopOrder => "reverse stop order",
            Self::Group => "a group is whom the strategy says",
            Self::RestartType => "restart types",
            Self::Intensity => "intensity never exceeded without giving up",
            Self::NoLateStart => "no timer for a stopped child",
            Self::NoOrphan => "a supervisor that ends leaves no child",
            Self::Answered => "every command is answered once",
            Self::LateNews => "late news are dropped",
            Self::NeverStuck => "never stuck",
            Self::Reason => "it ends with the right reason",
        }
    }
}

/// That it comes to rest on every path: a liveness property, by its name in reports.
pub const COMES_TO_REST: &str = "it comes to rest";
