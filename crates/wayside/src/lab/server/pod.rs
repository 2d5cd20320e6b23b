//! The names of servers, by which their answers are told apart.

/// What a server calls itself in its greetings.
pub(crate) fn pod_name(number: usize) -> String {
    format!("lab-{number}")
}

/// The number of the server that said a greeting: "Hello, Ada L from pod: name(lab-1), ip()."
pub(crate) fn number_of_pod(greeting: &str) -> Option<usize> {
    let (_, rest) = greeting.rsplit_once("name(lab-")?;
    rest.split_once(')')?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_greeting_tells_who_said_it() {
        for number in [0, 2, 11] {
            let name = pod_name(number);
            let greeting = format!("Hello,   from pod: name({name}), ip().");
            assert_eq!(number_of_pod(&greeting), Some(number));
        }
        assert_eq!(number_of_pod("Hello,   from pod: name(greet-1), ip()."), None);
        assert_eq!(number_of_pod(""), None);
    }
}
