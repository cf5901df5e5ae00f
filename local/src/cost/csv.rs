//! Comma-separated values (RFC 4180) with the line that every record begins on.

/// One record.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// The line of its first field, from 1.
    pub(super) line: usize,
    /// Its fields.
    pub(super) fields: Vec<String>,
}

/// A quotation mark that is never closed: the line it stands on, and the field's number from 1.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unclosed {
    pub(super) line: usize,
    pub(super) field: usize,
}

/// Splits the text into records. Empty lines are left out.
pub(super) fn records(text: &str) -> Result<Vec<Record>, Unclosed> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut records = Vec::new();
    let mut letters = text.chars().peekable();
    let (mut line, mut begins) = (1, 1);
    let mut fields = vec![String::new()];
    let mut quoted_at = None;
    while let Some(letter) = letters.next() {
        let number = fields.len();
        let Some(field) = fields.last_mut() else {
            continue;
        };
        match letter {
            '"' if quoted_at.is_some() => {
                if letters.next_if_eq(&'"').is_some() {
                    field.push('"');
                } else {
                    quoted_at = None;
                }
            }
            '"' if field.is_empty() => {
                quoted_at = Some(Unclosed {
                    line,
                    field: number,
                });
            }
            ',' if quoted_at.is_none() => fields.push(String::new()),
            '\r' if quoted_at.is_none() => {}
            '\n' if quoted_at.is_none() => {
                finish(&mut records, begins, &mut fields);
                line += 1;
                begins = line;
            }
            other => {
                line += usize::from(other == '\n');
                field.push(other);
            }
        }
    }
    if let Some(unclosed) = quoted_at {
        return Err(unclosed);
    }
    finish(&mut records, begins, &mut fields);
    Ok(records)
}

fn finish(records: &mut Vec<Record>, line: usize, fields: &mut Vec<String>) {
    let fields = std::mem::replace(fields, vec![String::new()]);
    if fields.iter().any(|field| !field.is_empty()) {
        records.push(Record { line, fields });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_commas_and_line_breaks_inside_fields_are_kept() {
        let text = "\u{feff}a,b\r\n\"x, \"\"y\"\"\",\"two\nlines\"\n\nlast,1";
        let read = records(text).expect("well formed");
        let expected = [
            (1, vec!["a", "b"]),
            (2, vec!["x, \"y\"", "two\nlines"]),
            (5, vec!["last", "1"]),
        ];
        assert_eq!(read.len(), expected.len());
        for (record, (line, fields)) in read.iter().zip(expected) {
            assert_eq!(
                (record.line, &record.fields[..]),
                (line, &fields.map_owned()[..])
            );
        }
    }

    #[test]
    fn an_open_quotation_mark_is_named_by_line_and_field() {
        let found = records("a,b\n1,\"open\nand on").expect_err("open");
        assert_eq!(found, Unclosed { line: 2, field: 2 });
    }

    trait MapOwned {
        fn map_owned(&self) -> Vec<String>;
    }

    impl MapOwned for Vec<&str> {
        fn map_owned(&self) -> Vec<String> {
            self.iter().map(ToString::to_string).collect()
        }
    }
}
