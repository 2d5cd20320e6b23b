//! The movies, and how they are found.

use std::sync::Arc;

use wayside_proto::movies::v1::Movie;

use crate::error::Refusal;

/// The longest text that can be searched for, in bytes.
pub(crate) const MAX_QUERY_BYTES: usize = 256;

/// Name, description and style of each movie, in the order of their numbers from 1.
const MOVIES: [[&str; 3]; 3] = [
    [
        "The Hateful Eight",
        "A stagecoach races a blizzard through the mountains of Wyoming, with a bounty hunter and the outlaw he is bringing to the \
         gallows. Two strangers stranded in the snow talk their way aboard before the storm closes the road. The travellers take shelter \
         in a lonely stopover, where four more men are waiting and the owner is nowhere to be seen. As the coffee is poured and the door \
         is nailed shut, it becomes clear that not everybody is who he claims to be.",
        "Western",
    ],
    [
        "Inglorious Basterds",
        "In occupied France, a young woman escapes the massacre of her family and starts again in Paris as the owner of a cinema. A war \
         hero who will not leave her alone in a café has the premiere of his film moved to her house, with the highest ranks of the enemy \
         in the audience. A squad of soldiers behind the lines learns of the same evening and makes a plan of its own. Neither knows of \
         the other, and a colonel with excellent manners and a better nose is close behind both.",
        "Action & Adventure, Drama",
    ],
    [
        "Pulp Fiction",
        "Two hit men discuss hamburgers and foot massages on their way to collect a briefcase for their boss. One of them has to take the \
         boss's wife out for the evening, which ends with a twist contest and a needle. A boxer who was paid to lose wins instead, and \
         goes back for the one thing he cannot leave behind: his father's watch. Their stories cross out of order, between a robbery in a \
         diner that begins the film and the same robbery that ends it.",
        "Drama",
    ],
];

/// The catalogue; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Catalogue {
    entries: Arc<[Entry]>,
}

#[derive(Debug)]
struct Entry {
    movie: Movie,
    /// Name, description and style in lower case. They are searched one by one, so that no match spans two of them.
    searched: [String; 3],
}

impl Default for Catalogue {
    fn default() -> Self {
        let entries = (1..).zip(MOVIES).map(|(mid, texts)| {
            let [movie_name, movie_description, movie_style] = texts.map(str::to_owned);
            Entry {
                movie: Movie { mid, movie_name, movie_description, movie_style },
                searched: texts.map(lowercase),
            }
        });
        Self { entries: entries.collect() }
    }
}

impl Catalogue {
    /// The movie with a number.
    pub(crate) fn movie(&self, mid: i32) -> Result<&Movie, Refusal> {
        if mid <= 0 {
            return Err(Refusal::InvalidMid(mid));
        }
        let entry = self.entries.iter().find(|entry| entry.movie.mid == mid);
        entry.map(|entry| &entry.movie).ok_or(Refusal::NotFound(mid))
    }

    /// The movies that contain a text, whatever its case, in the order of their numbers. Each is looked for when it is asked for.
    pub(crate) fn matching(
        &self,
        query: &str,
    ) -> Result<impl Iterator<Item = Movie> + Send + use<>, Refusal> {
        if query.len() > MAX_QUERY_BYTES {
            return Err(Refusal::QueryTooLong(query.len()));
        }
        let query = lowercase(query);
        let entries = self.entries.clone();
        let matches = (0..entries.len()).filter_map(move |index| {
            let Entry { movie, searched } = &entries[index];
            searched.iter().any(|text| text.contains(&query)).then(|| movie.clone())
        });
        Ok(matches)
    }
}

/// Lowers each character by itself: `str::to_lowercase` writes a sigma at the end of a word in another way than elsewhere, and a query
/// may end where the word does not.
fn lowercase(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(query: &str) -> Vec<i32> {
        Catalogue::default().matching(query).unwrap().map(|movie| movie.mid).collect()
    }

    #[test]
    fn the_three_movies_have_their_numbers_names_and_styles() {
        let catalogue = Catalogue::default();
        for (mid, name, style) in [
            (1, "The Hateful Eight", "Western"),
            (2, "Inglorious Basterds", "Action & Adventure, Drama"),
            (3, "Pulp Fiction", "Drama"),
        ] {
            let movie = catalogue.movie(mid).unwrap();
            assert_eq!(
                (movie.mid, movie.movie_name.as_str(), movie.movie_style.as_str()),
                (mid, name, style)
            );
        }
    }

    #[test]
    fn numbers_below_1_are_invalid_and_others_unknown() {
        let catalogue = Catalogue::default();
        for mid in [0, -1, i32::MIN] {
            assert_eq!(catalogue.movie(mid), Err(Refusal::InvalidMid(mid)));
        }
        for mid in [4, i32::MAX] {
            assert_eq!(catalogue.movie(mid), Err(Refusal::NotFound(mid)));
        }
    }

    #[test]
    fn a_text_is_found_in_name_description_and_style_whatever_its_case() {
        for (query, expected) in [
            ("and", &[1, 2, 3][..]),
            ("AND", &[1, 2, 3]),
            ("", &[1, 2, 3]),
            ("hateful", &[1]),
            ("wEsTeRn", &[1]),
            ("CAFÉ", &[2]),
            ("drama", &[2, 3]),
            ("blizzard", &[1]),
            // The end of a name and the beginning of the description do not make a match.
            ("eighta", &[]),
            ("alien", &[]),
        ] {
            assert_eq!(found(query), expected, "{query:?}");
        }
    }

    #[test]
    fn a_sigma_is_found_at_the_end_of_a_query_that_ends_within_a_word() {
        assert!(lowercase("ΟΔΥΣΣΕΑΣ").contains(&lowercase("ΟΔΥΣΣ")));
    }

    #[test]
    fn a_query_is_at_most_256_bytes() {
        assert!(found(&"é".repeat(128)).is_empty());
        let Err(refusal) = Catalogue::default().matching(&"a".repeat(257)) else {
            panic!("257 bytes were taken")
        };
        assert_eq!(refusal, Refusal::QueryTooLong(257));
    }
}
