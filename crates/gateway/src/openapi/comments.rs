//! The comments of the proto files.

use std::collections::HashMap;
use std::sync::Arc;

use prost_reflect::{
    EnumDescriptor, FieldDescriptor, FileDescriptor, MessageDescriptor, MethodDescriptor,
    ServiceDescriptor,
};

use crate::binding::Binding;

/// What the proto files say of each element, by file and by the path of the element in it.
#[derive(Debug, Default)]
pub(crate) struct Comments(HashMap<String, HashMap<Vec<i32>, String>>);

impl Comments {
    /// Reads the comments of every file that the bindings could need.
    pub(crate) fn of(bindings: &[Arc<Binding>]) -> Self {
        let pool = bindings
            .first()
            .map(|binding| binding.target.method.parent_pool().clone())
            .unwrap_or_default();
        Self(pool.files().map(|file| (file.name().to_owned(), of_file(&file))).collect())
    }

    pub(crate) fn method(&self, method: &MethodDescriptor) -> &str {
        self.at(&method.parent_file(), method.path())
    }

    pub(crate) fn service(&self, service: &ServiceDescriptor) -> &str {
        self.at(&service.parent_file(), service.path())
    }

    pub(crate) fn message(&self, message: &MessageDescriptor) -> &str {
        self.at(&message.parent_file(), message.path())
    }

    pub(crate) fn field(&self, field: &FieldDescriptor) -> &str {
        self.at(&field.parent_file(), field.path())
    }

    pub(crate) fn values(&self, values: &EnumDescriptor) -> &str {
        self.at(&values.parent_file(), values.path())
    }

    /// The first sentence on a method, without its full stop.
    pub(crate) fn summary(&self, method: &MethodDescriptor) -> &str {
        let comment = self.method(method);
        let end = comment.find(". ").or_else(|| comment.find(".\n")).unwrap_or(comment.len());
        comment[..end].trim_end_matches('.')
    }

    fn at(&self, file: &FileDescriptor, path: &[i32]) -> &str {
        self.0.get(file.name()).and_then(|comments| comments.get(path)).map_or("", String::as_str)
    }
}

fn of_file(file: &FileDescriptor) -> HashMap<Vec<i32>, String> {
    let locations =
        file.file_descriptor_proto().source_code_info.iter().flat_map(|info| &info.location);
    let comment =
        |text: &str| text.lines().map(str::trim).collect::<Vec<_>>().join("\n").trim().to_owned();
    locations
        .filter_map(|location| {
            Some((location.path.clone(), comment(location.leading_comments.as_deref()?)))
        })
        .collect()
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::binding::Target;
    use crate::rule::Rules;
    use crate::testing;

    #[tokio::test]
    async fn comments_are_found_for_every_element() {
        let method = testing::method("Update");
        let channel = crate::testing::nowhere();
        let target = Arc::new(Target::new(&method, channel).unwrap());
        let rule = Rules::new(testing::pool()).unwrap().of(&method).unwrap().remove(0);
        let comments = Comments::of(&[Arc::new(Binding::new(target, rule).unwrap())]);
        assert_eq!(comments.method(&method), "Changes a book. And more.");
        assert_eq!(comments.summary(&method), "Changes a book");
        assert_eq!(comments.service(method.parent_service()), "Keeps books.");
        let book = testing::message("Book");
        assert_eq!(comments.message(&book), "A book.");
        assert_eq!(comments.field(&book.get_field_by_name("title").unwrap()), "Its title.");
        let genre = book.get_field_by_name("genre").unwrap().kind();
        assert_eq!(comments.values(genre.as_enum().unwrap()), "What kind of book.");
    }
}
