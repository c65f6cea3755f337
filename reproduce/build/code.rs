//! What of a source file is code.

use std::str::FromStr as _;

use proc_macro2::{Delimiter, LexError, TokenStream, TokenTree};

/// The tokens of a source file, without comments, without documentation and without what is for
/// tests alone.
///
/// # Errors
/// When the text is no Rust.
pub fn of(text: &str) -> Result<String, LexError> {
    let mut code = String::new();
    write(TokenStream::from_str(text)?, &mut code);
    Ok(code)
}

fn write(tokens: TokenStream, code: &mut String) {
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        // An attribute is a # and a group in brackets, with ! between them for the whole file.
        if is_punct(&token, '#') {
            let inner = tokens.next_if(|next| is_punct(next, '!'));
            let attribute = tokens.next_if(is_attribute).map(|group| group.to_string());
            let attribute = attribute.unwrap_or_default().replace(' ', "");
            if attribute.starts_with("[doc=") {
                continue;
            }
            if attribute == "[cfg(test)]" {
                skip_item(&mut tokens);
                continue;
            }
            code.push_str(&format!("#{}{attribute} ", if inner.is_some() { "!" } else { "" }));
            continue;
        }
        match token {
            TokenTree::Group(group) => {
                let [open, close] = match group.delimiter() {
                    Delimiter::Parenthesis => ["(", ")"],
                    Delimiter::Brace => ["{", "}"],
                    Delimiter::Bracket => ["[", "]"],
                    Delimiter::None => ["", ""],
                };
                code.push_str(open);
                write(group.stream(), code);
                code.push_str(close);
            }
            token => code.push_str(&format!("{token} ")),
        }
    }
}

/// Passes over an item: up to its body or its semicolon.
fn skip_item(tokens: &mut impl Iterator<Item = TokenTree>) {
    for token in tokens {
        let is_body =
            matches!(&token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace);
        if is_body || is_punct(&token, ';') {
            return;
        }
    }
}

fn is_punct(token: &TokenTree, sign: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == sign)
}

fn is_attribute(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket)
}
