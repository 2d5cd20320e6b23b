use super::super::{Identity, InvalidPolicy, Policy, Rule};
use crate::selector::{HEALTH, InvalidSelector, REFLECTION, REFLECTION_V1ALPHA};

#[test]
fn the_rule_of_a_method_takes_the_place_of_that_of_its_service() {
    let policy = Policy::builder()
        .public(HEALTH)
        .public(REFLECTION)
        .public(REFLECTION_V1ALPHA)
        .authenticated("/a.B/*")
        .roles("/a.B/Admin", ["admin", "operator"])
        .public("/a.B/Version")
        .denied("/a.B/Debug")
        .build()
        .unwrap();
    let admin = Rule::Roles(["admin", "operator"].map(Into::into).into());
    for (path, expected) in [
        ("/grpc.health.v1.Health/Check", &Rule::Public),
        ("/grpc.health.v1.Health/Watch", &Rule::Public),
        ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", &Rule::Public),
        ("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", &Rule::Public),
        ("/a.B/Get", &Rule::Authenticated),
        ("/a.B/Admin", &admin),
        ("/a.B/Version", &Rule::Public),
        ("/a.B/Debug", &Rule::Denied),
        ("/a.C/Get", &Rule::Denied),
        ("/a.B/Admin/", &Rule::Denied),
        ("//a.B/Get", &Rule::Denied),
    ] {
        assert_eq!(policy.rule(path), expected, "{path}");
    }
}

#[test]
fn a_policy_that_cannot_be_meant_is_refused() {
    let pattern = Policy::builder().public("a.B/Get").build().unwrap_err();
    assert_eq!(pattern, InvalidPolicy::Pattern(InvalidSelector::Pattern("a.B/Get".to_owned())));
    let twice =
        Policy::builder().public("/a.B/Get").roles("/a.B/Get", ["admin"]).build().unwrap_err();
    assert_eq!(twice, InvalidPolicy::Pattern(InvalidSelector::Twice("/a.B/Get".to_owned())));
    let no_roles = Policy::builder().roles("/a.B/Get", [""; 0]).build().unwrap_err();
    assert_eq!(no_roles, InvalidPolicy::NoRoles("/a.B/Get".to_owned()));
}

#[test]
fn one_of_the_roles_is_enough_and_nothing_lets_anybody_past_a_denial() {
    let rule = |roles: &[&str]| Rule::Roles(roles.iter().map(|role| (*role).into()).collect());
    let caller = Identity::new("gopher", "issuer", ["reader".into(), "writer".into()].into(), 0, 0);
    for (expected, rule) in [
        (false, Rule::Denied),
        (true, Rule::Public),
        (true, Rule::Authenticated),
        (true, rule(&["admin", "writer"])),
        (false, rule(&["admin", "write"])),
        (false, rule(&["reader writer"])),
    ] {
        assert_eq!(rule.allows(&caller), expected, "{rule:?}");
    }
}
