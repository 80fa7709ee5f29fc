//! [`operation!`](crate::operation!) and [`choice!`](crate::choice!): an operation from one
//! declaration.

/// Declares an operation: its type, bounds, schema and row of the table.
///
/// The first line gives its kind, its action, its name and the version in which it appeared. Every
/// item has a comment, which is its documentation at every door. A field whose type does not bound
/// it names its bound, and what an error calls the field. A least value (`[from 1]`) is written into
/// the schema only: `check` must refuse what is less.
///
/// ```
/// use ms_ops::{Target, operation};
///
/// operation! {
///     /// Greets somebody.
///     Read NamesRead "demo.greet" 1;
///     pub struct Greet -> String {
///         /// Whom.
///         pub name: String [max 64, "length of the name"],
///         /// How often; once unless it is said.
///         pub times: Option<u32> [max 3, "number of times"],
///     }
///     fn target(&self) -> Target<'_> {
///         Target::Node
///     }
/// }
///
/// use ms_ops::Operation;
/// assert_eq!(Greet::NAME, "demo.greet");
/// assert!(Greet { name: "x".repeat(65), times: None }.check().is_err());
/// ```
///
/// A field without a bound does not compile:
///
/// ```compile_fail
/// ms_ops::operation! {
///     /// Greets somebody.
///     Read NamesRead "demo.greet" 1;
///     pub struct Greet -> String {
///         /// Whom.
///         pub name: String,
///     }
///     fn target(&self) -> ms_ops::Target<'_> { ms_ops::Target::Node }
/// }
/// ```
///
/// Nor does an operation without a comment:
///
/// ```compile_fail
/// ms_ops::operation! {
///     Read NamesRead "demo.greet" 1;
///     pub struct Greet -> String {}
///     fn target(&self) -> ms_ops::Target<'_> { ms_ops::Target::Node }
/// }
/// ```
///
/// Nor does a `Steer` without `request_id: Option<RequestId>`, or it would be done twice when its
/// answer is lost and its caller asks again:
///
/// ```compile_fail
/// ms_ops::operation! {
///     /// Dismisses whoever is greeted.
///     Steer TreeSteer "demo.dismiss" 1;
///     pub struct Dismiss -> String {}
///     fn target(&self) -> ms_ops::Target<'_> { ms_ops::Target::Node }
/// }
/// ```
#[macro_export]
macro_rules! operation {
    (
        $(#[doc = $doc:literal])+
        $kind:ident $action:ident $op:literal $since:literal;
        $vis:vis struct $name:ident -> $answer:ty {
            $(
                $(#[doc = $field_doc:literal])+
                $(#[serde $serde:tt])?
                pub $field:ident: $type:ty $([from $least:literal])? $([max $max:expr, $label:literal])?
            ),* $(,)?
        }
        $($methods:tt)*
    ) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq, ::serde::Serialize, ::serde::Deserialize)]
        // A misspelt field would have no effect, and its caller would not learn of it.
        #[serde(deny_unknown_fields)]
        $vis struct $name {
            $(
                $(#[doc = $field_doc])+
                $(#[serde $serde])?
                pub $field: $type,
            )*
        }

        impl $crate::Operation for $name {
            type Answer = $answer;
            const NAME: &'static str = $op;
            const ACTION: $crate::Action = $crate::Action::$action;
            const KIND: $crate::OpKind = $crate::OpKind::$kind;
            const SINCE: u16 = $since;
            const DOC: &'static str = concat!($($doc, "\n"),+);

            fn bounds(&self) -> ::std::result::Result<(), $crate::OpError> {
                $($(
                    $crate::field::at_most(
                        stringify!($field),
                        $label,
                        $crate::field::Measured::measure(&self.$field),
                        $max,
                    )?;
                )?)*
                Ok(())
            }

            $crate::operation!(@request_id $kind);

            $($methods)*
        }

        impl $crate::Listed for $name {
            fn row() -> $crate::Row {
                fn fields() -> ::std::vec::Vec<$crate::FieldInfo> {
                    vec![$(
                        $crate::FieldInfo {
                            name: stringify!($field),
                            doc: concat!($($field_doc, "\n"),+),
                            optional: $crate::operation!(@optional $type $(, $max)?)
                                // A macro sees an attribute only as tokens; `default` is the one
                                // that lets a field be absent.
                                $(|| stringify!($serde).contains("default"))?,
                            schema: {
                                let schema = $crate::operation!(@schema $type $(, $max)?);
                                $(let schema = $crate::field::from(schema, $least);)?
                                schema
                            },
                        }
                    ),*]
                }
                $crate::operation!(@row $kind)(fields, stringify!($answer))
            }
        }

        $crate::operation!(@marker $kind $name);
    };
    (@optional $type:ty) => { <$type as $crate::field::Bounded>::OPTIONAL };
    (@optional $type:ty, $max:expr) => { <$type as $crate::field::Measured>::OPTIONAL };
    (@schema $type:ty) => { <$type as $crate::field::Bounded>::schema() };
    (@schema $type:ty, $max:expr) => { <$type as $crate::field::Measured>::schema($max) };
    // `Watch` before `$kind`: the first arm that matches is taken.
    (@row Watch) => { $crate::Row::ongoing::<Self> };
    (@row $kind:ident) => { $crate::Row::once::<Self> };
    // By the kind, so that no declaration of a steering can forget it.
    (@request_id Steer) => {
        fn request_id(&self) -> ::std::option::Option<&$crate::RequestId> {
            self.request_id.as_ref()
        }
    };
    (@request_id $kind:ident) => {};
    (@marker Watch $name:ident) => { impl $crate::Ongoing for $name {} };
    (@marker $kind:ident $name:ident) => { impl $crate::Once for $name {} };
}

/// Declares an enum of names, for a field of an operation.
#[macro_export]
macro_rules! choice {
    (
        $(#[doc = $doc:literal])+
        pub enum $name:ident {
            $($(#[doc = $each_doc:literal])+ $each:ident = $label:literal),+ $(,)?
        }
    ) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ::serde::Serialize, ::serde::Deserialize)]
        pub enum $name {
            $($(#[doc = $each_doc])+ #[serde(rename = $label)] $each),+
        }

        impl $name {
            /// Returns its name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$each => $label),+ }
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(self.name())
            }
        }

        impl $crate::field::Bounded for $name {
            fn schema() -> ::serde_json::Value {
                ::serde_json::json!({ "type": "string", "enum": [$($label),+] })
            }
        }
    };
}
