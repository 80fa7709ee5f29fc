//! A lexer that separates code from comments and strings.
//!
//! It reads tokens, not grammar: enough to count call sites and to match the
//! braces of functions. It goes forward only, so its time is linear.

use memchr::{memchr, memchr2};

use super::{LongestFn, MAX_NAME, newlines};

/// The counts of the lexer.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Code {
    pub(super) unwrap_sites: u64,
    pub(super) panic_sites: u64,
    pub(super) functions: u64,
    pub(super) longest_fn: Option<LongestFn>,
}

/// Reads `src` to its end.
pub(super) fn lex(src: &[u8]) -> Code {
    let mut lexer =
        Lexer { src, pos: 0, prev: 0, functions: Functions::new(src), code: Code::default() };
    while let Some(&byte) = src.get(lexer.pos) {
        lexer.step(byte);
    }
    lexer.code
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Space,
    Word,
    Quote,
    Tick,
    Slash,
    /// Brackets and other signs that matter to the head of a function.
    Shape,
    Other,
}

const CLASSES: [Class; 256] = {
    let mut table = [Class::Other; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = match byte as u8 {
            b' ' | b'\t' | b'\n' | b'\r' => Class::Space,
            // Names may have letters beyond ASCII.
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'_' | 0x80.. => Class::Word,
            b'"' => Class::Quote,
            b'\'' => Class::Tick,
            b'/' => Class::Slash,
            b'{' | b'}' | b'(' | b')' | b'[' | b']' | b'<' | b'>' | b';' => Class::Shape,
            _ => Class::Other,
        };
        byte += 1;
    }
    table
};

/// Stands for a word in [`Lexer::prev`].
const WORD: u8 = b'w';

struct Lexer<'a> {
    src: &'a [u8],
    pos: usize,
    /// The last byte that was neither space nor comment, or [`WORD`].
    prev: u8,
    functions: Functions<'a>,
    code: Code,
}

impl Lexer<'_> {
    fn step(&mut self, byte: u8) {
        match CLASSES[usize::from(byte)] {
            Class::Space => self.pos += 1,
            Class::Word => self.word(),
            Class::Quote => self.skip_string(self.pos + 1),
            Class::Tick => self.tick(),
            Class::Slash => self.slash(),
            Class::Shape => {
                self.functions.shape(byte, self.prev, self.pos, &mut self.code);
                self.punctuation(byte);
            }
            Class::Other => {
                self.functions.other(byte);
                self.punctuation(byte);
            }
        }
    }

    fn punctuation(&mut self, byte: u8) {
        self.prev = byte;
        self.pos += 1;
    }

    fn rest(&self, from: usize) -> &[u8] {
        self.src.get(from..).unwrap_or_default()
    }

    fn word_end(&self, from: usize) -> usize {
        let is_word = |b: &u8| CLASSES[usize::from(*b)] == Class::Word;
        from + self.rest(from).iter().take_while(|b| is_word(b)).count()
    }

    fn word(&mut self) {
        let start = self.pos;
        let end = self.word_end(start);
        self.pos = end;
        let before = std::mem::replace(&mut self.prev, WORD);
        match (&self.src[start..end], self.src.get(end)) {
            (b"fn", _) => return self.functions.keyword(start),
            // Without the dot it is the definition of a method, or a function of that name.
            (b"unwrap", _) if before == b'.' => {
                self.code.unwrap_sites += u64::from(self.is_next(b"()"))
            }
            (b"expect", _) if before == b'.' => {
                self.code.unwrap_sites += u64::from(self.is_next(b"("))
            }
            (b"panic" | b"todo" | b"unimplemented" | b"unreachable", _) => {
                // `panic != x` compares a variable.
                self.code.panic_sites += u64::from(self.is_next(b"!") && !self.is_next(b"!="));
            }
            (b"b" | b"c", Some(b'"')) => self.skip_string(end + 1),
            (b"b", Some(b'\'')) => self.tick(),
            (b"r" | b"br" | b"cr", Some(b'"' | b'#')) => self.raw(end),
            _ => {}
        }
        self.functions.word(start, end);
    }

    /// Returns whether the next bytes that are not space are those of `wanted`.
    fn is_next(&self, wanted: &[u8]) -> bool {
        /// `unwrap` and its parentheses are rarely further apart, and a bound
        /// keeps the time linear.
        const MAX_GAP: usize = 64;
        let mut at = self.pos;
        wanted.iter().all(|&byte| {
            let gap =
                self.rest(at).iter().take(MAX_GAP).take_while(|b| b.is_ascii_whitespace()).count();
            at += gap + 1;
            self.src.get(at - 1) == Some(&byte)
        })
    }

    /// Goes behind the string whose opening quote is before `from`.
    fn skip_string(&mut self, from: usize) {
        let mut at = from;
        while let Some(found) = memchr2(b'"', b'\\', self.rest(at)) {
            at += found + 1;
            if self.src[at - 1] == b'"' {
                return self.jump(at);
            }
            at += 1;
        }
        self.jump(self.src.len());
    }

    /// Reads what follows `r`, `br` or `cr`: a raw string, or a raw identifier.
    fn raw(&mut self, from: usize) {
        let hashes = self.rest(from).iter().take_while(|&&b| b == b'#').count();
        let mut at = from + hashes;
        if self.src.get(at) != Some(&b'"') {
            // `r#fn` is a name and no keyword.
            self.pos = self.word_end(at);
            return self.functions.word(at, self.pos);
        }
        at += 1;
        while let Some(found) = memchr(b'"', self.rest(at)) {
            at += found + 1;
            let closing = self.rest(at).iter().take(hashes).take_while(|&&b| b == b'#').count();
            if closing == hashes {
                return self.jump(at + closing);
            }
            at += closing;
        }
        self.jump(self.src.len());
    }

    /// Reads a character or a lifetime.
    fn tick(&mut self) {
        /// `'\u{1_0_F_F_F_F}'` without its first two bytes fits.
        const MAX_ESCAPE: usize = 24;
        let inside = self.pos + 1;
        let end = match self.src.get(inside) {
            Some(b'\\') => {
                let tail = self.rest(inside + 2);
                memchr(b'\'', &tail[..tail.len().min(MAX_ESCAPE)]).map(|at| inside + 2 + at + 1)
            }
            Some(&lead) => {
                let close = inside + utf8_len(lead);
                (self.src.get(close) == Some(&b'\'')).then_some(close + 1)
            }
            None => None,
        };
        self.jump(end.unwrap_or_else(|| self.word_end(inside)));
    }

    fn slash(&mut self) {
        match self.src.get(self.pos + 1) {
            Some(b'/') => self.pos += memchr(b'\n', self.rest(self.pos)).unwrap_or(self.src.len()),
            Some(b'*') => self.skip_block_comment(),
            _ => self.punctuation(b'/'),
        }
    }

    fn skip_block_comment(&mut self) {
        let (mut at, mut depth) = (self.pos + 2, 1_usize);
        while let Some(found) = memchr2(b'*', b'/', self.rest(at)) {
            at += found + 1;
            match (self.src[at - 1], self.src.get(at)) {
                (b'*', Some(b'/')) => depth -= 1,
                (b'/', Some(b'*')) => depth += 1,
                _ => continue,
            }
            at += 1;
            if depth == 0 {
                self.pos = at;
                return;
            }
        }
        self.pos = self.src.len();
    }

    /// Goes on behind a literal, a lifetime or a raw name.
    fn jump(&mut self, to: usize) {
        self.functions.other(WORD);
        self.prev = WORD;
        self.pos = to;
    }
}

fn utf8_len(lead: u8) -> usize {
    match lead {
        0xf0.. => 4,
        0xe0.. => 3,
        0xc0.. => 2,
        _ => 1,
    }
}

/// Follows `fn` to its body and the body to its end.
struct Functions<'a> {
    src: &'a [u8],
    /// Braces open.
    depth: usize,
    head: Head,
    /// Functions whose body is open, outermost first.
    open: Vec<Open>,
    line: u64,
    line_at: usize,
}

/// A place between the word `fn` and the body.
#[derive(Clone, Copy)]
enum Head {
    None,
    /// The word `fn` was read; the name comes next, a `$` may be before it.
    Keyword {
        line: u64,
    },
    Named(Named),
}

#[derive(Clone, Copy)]
struct Named {
    line: u64,
    name: (usize, usize),
    /// Parentheses and brackets open.
    nest: usize,
    /// Angle brackets open, outside of those.
    angle: usize,
    /// Braces of constant expressions open.
    block: usize,
}

struct Open {
    line: u64,
    name: (usize, usize),
    depth: usize,
}

impl<'a> Functions<'a> {
    fn new(src: &'a [u8]) -> Self {
        Self { src, depth: 0, head: Head::None, open: Vec::new(), line: 1, line_at: 0 }
    }

    fn keyword(&mut self, at: usize) {
        self.head = Head::Keyword { line: self.line_of(at) };
    }

    fn word(&mut self, start: usize, end: usize) {
        if let Head::Keyword { line } = self.head {
            self.head =
                Head::Named(Named { line, name: (start, end), nest: 0, angle: 0, block: 0 });
        }
    }

    /// Reads anything but a word, a space or a shape.
    fn other(&mut self, byte: u8) {
        if matches!(self.head, Head::Keyword { .. }) && byte != b'$' {
            self.head = Head::None;
        }
    }

    /// Reads a bracket, an angle or a semicolon.
    fn shape(&mut self, byte: u8, prev: u8, at: usize, code: &mut Code) {
        let body_of = match self.head {
            Head::None => None,
            Head::Keyword { .. } => {
                self.head = Head::None;
                None
            }
            Head::Named(named) => self.head_shape(named, byte, prev),
        };
        match byte {
            b'{' => {
                if let Some(named) = body_of {
                    self.open.push(Open { line: named.line, name: named.name, depth: self.depth });
                }
                self.depth += 1;
            }
            b'}' => {
                self.depth = self.depth.saturating_sub(1);
                self.close(at, code);
            }
            _ => {}
        }
    }

    /// Takes one step in the head of a function, and returns it when its body opens.
    fn head_shape(&mut self, mut named: Named, byte: u8, prev: u8) -> Option<Named> {
        let is_flat = named.nest == 0 && named.block == 0;
        let ends = match byte {
            b'{' if is_flat && named.angle == 0 => {
                self.head = Head::None;
                return Some(named);
            }
            b'{' => {
                named.block += 1;
                false
            }
            b'}' => {
                named.block = named.block.wrapping_sub(1);
                named.block == usize::MAX
            }
            _ if named.block > 0 => false,
            b'(' | b'[' => {
                named.nest += 1;
                false
            }
            b')' | b']' => {
                // A bracket that was opened before the head ends it, as in `m!(fn x)`.
                named.nest = named.nest.wrapping_sub(1);
                named.nest == usize::MAX
            }
            b'<' if is_flat => {
                named.angle += 1;
                false
            }
            // The `>` of `->` and `=>` closes nothing.
            b'>' if is_flat && !matches!(prev, b'-' | b'=') => {
                named.angle = named.angle.saturating_sub(1);
                false
            }
            b';' => is_flat,
            _ => false,
        };
        self.head = if ends { Head::None } else { Head::Named(named) };
        None
    }

    /// Ends the function whose body began at this depth.
    fn close(&mut self, at: usize, code: &mut Code) {
        let Some(open) = self.open.pop_if(|open| open.depth >= self.depth) else { return };
        let lines = self.line_of(at) - open.line + 1;
        code.functions += 1;
        if code.longest_fn.as_ref().is_none_or(|longest| lines > longest.lines) {
            let name = &self.src[open.name.0..open.name.1];
            let name = String::from_utf8_lossy(&name[..name.len().min(MAX_NAME)]).into_owned();
            code.longest_fn = Some(LongestFn { name, line: open.line, lines });
        }
    }

    /// Returns the line number of a place, from 1. Places only go forward, so each byte is looked
    /// at once.
    fn line_of(&mut self, at: usize) -> u64 {
        if at > self.line_at {
            self.line += newlines(&self.src[self.line_at..at]);
            self.line_at = at;
        }
        self.line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn longest(src: &str) -> Option<(String, u64, u64)> {
        lex(src.as_bytes()).longest_fn.map(|f| (f.name, f.line, f.lines))
    }

    fn sites(src: &str) -> (u64, u64) {
        let code = lex(src.as_bytes());
        (code.unwrap_sites, code.panic_sites)
    }

    #[test]
    fn sites_are_counted_in_code() {
        assert_eq!(
            sites(
                "a.unwrap(); b\n  .unwrap( ); c.expect(\"x\"); d.unwrap_or(1); unwrap(); e.expect_err(1)"
            ),
            (3, 0)
        );
        assert_eq!(
            sites(
                "panic!(); core::panic!{}; todo! (); unreachable!(); unimplemented!(); panic != x; my_panic!()"
            ),
            (0, 5)
        );
    }

    #[test]
    fn comments_and_literals_are_no_code() {
        for hidden in [
            "// a.unwrap()",
            "/// a.unwrap()\n",
            "/* a.unwrap() */",
            "/* /* */ a.unwrap() */",
            "\"a.unwrap()\"",
            r#""\"a.unwrap()""#,
            r##"r"\" a.unwrap "##,
            r###"r#"" a.unwrap() "#"###,
            r##"br#"a.unwrap()"#"##,
            r#"c"a.unwrap()""#,
            r#"b"a.unwrap()""#,
            "/* a.unwrap()",
            "\"a.unwrap()",
            "r#\"a.unwrap()\"",
        ] {
            assert_eq!(sites(hidden), (0, 0), "{hidden}");
        }
        for printed in [
            "'\"'; a.unwrap()",
            "'\\''; a.unwrap()",
            "b'\"'; a.unwrap()",
            "'\\u{1F600}'; a.unwrap()",
            "/**/a.unwrap()",
            "&'a str; a.unwrap()",
            "f::<'a>('\"'); a.unwrap()",
            r##"r"\"; a.unwrap()"##,
            "r#fn; a.unwrap()",
            "'é'; a.unwrap()",
            "a/b; a.unwrap()",
            "'static; a.unwrap(); 'x",
            "/* /* */ */ a.unwrap()",
            "a // \"\n.unwrap()",
        ] {
            assert_eq!(sites(printed), (1, 0), "{printed}");
        }
    }

    #[test]
    fn a_function_goes_from_its_keyword_to_its_brace() {
        let src = "#[x]\npub fn a<'a, T>(x: [u8; { 1 }]) -> Vec<T>\nwhere T: X,\n{\n  let s = \"}\"; '}'; // }\n}\nfn b() {}\n";
        assert_eq!(longest(src), Some(("a".into(), 2, 5)));
        assert_eq!(lex(src.as_bytes()).functions, 2);
    }

    #[test]
    fn heads_without_a_body_are_no_functions() {
        let src = "trait T { fn a(); fn b() -> u8; } type F = fn(u8) -> u8; extern { fn c(); } struct S { f: fn() }";
        assert_eq!(lex(src.as_bytes()).functions, 0);
    }

    #[test]
    fn constant_expressions_in_a_head_are_no_body() {
        assert_eq!(longest("fn a() -> A<{ N + 1 }>\n{\n}"), Some(("a".into(), 1, 3)));
        assert_eq!(longest("fn a() where [(); { N > 1 }]:\n{\n}"), Some(("a".into(), 1, 3)));
        assert_eq!(
            longest("fn a(f: impl Fn(u8) -> u8)\n-> Option<Box<dyn Fn() -> u8>>\n{\n}"),
            Some(("a".into(), 1, 4))
        );
    }

    #[test]
    fn inner_functions_count_for_themselves_and_for_the_outer() {
        let code = lex(b"fn out() {\n fn r#in() {\n\n }\n}");
        assert_eq!(code.functions, 2);
        assert_eq!(code.longest_fn, Some(LongestFn { name: "out".into(), line: 1, lines: 5 }));
    }

    #[test]
    fn odd_names_are_kept() {
        assert_eq!(longest("fn r#type() {}").unwrap().0, "type");
        assert_eq!(longest("macro_rules! m { ($n:ident) => { fn $n() {} } }").unwrap().0, "n");
        assert_eq!(longest(&format!("fn {}() {{}}", "n".repeat(500))).unwrap().0.len(), MAX_NAME);
        assert_eq!(longest("fn größe() {}").unwrap().0, "größe");
    }

    #[test]
    fn broken_code_does_not_confuse_what_follows() {
        assert_eq!(longest("} ) ] fn a() {\n}").unwrap(), ("a".into(), 1, 2));
        assert_eq!(longest("m!(fn x) fn a() {}").unwrap().0, "a");
        assert_eq!(longest("fn a() { {").map(|f| f.0), None);
    }
}
