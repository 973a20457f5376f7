use super::{Auth, Format, Providers, Transport};

fn refusal(operator_toml: &str) -> String {
    Providers::builtin().unwrap().over(operator_toml).unwrap_err().to_string()
}

#[test]
fn the_built_in_catalogue_is_right_sorted_and_speaks_chat() {
    let providers = Providers::builtin().unwrap();
    assert!(providers.ids().all(|id| providers.find(id).unwrap().paths.contains_key(&Format::OpenaiChat)));
    let written: Vec<&str> =
        super::BUILTIN.lines().filter_map(|line| line.strip_prefix('[')?.strip_suffix(']')).collect();
    assert!(written.is_sorted(), "{written:?}");
    assert_eq!(written.len(), providers.ids().count());
}

#[test]
fn only_the_generic_entry_needs_a_base_url() {
    let providers = Providers::builtin().unwrap();
    let needing: Vec<&str> =
        providers.ids().filter(|id| providers.find(id).unwrap().needs_base_url()).collect();
    assert_eq!(needing, ["openai_compatible"]);
    assert_eq!(providers.find("echo").unwrap().transport, Transport::Echo);
    assert!(providers.find("nobody").is_none());
}

#[test]
fn an_operators_keys_win_and_the_rest_stays() {
    let operator = "[openai]\nauth = { header = \"api-key\" }\n[mine]\nbase_url = \"http://10.0.0.1/v1\"\n\
                    paths = { openai_chat = \"chat\" }\nrename = { max_tokens = \"max\" }\n";
    let providers = Providers::builtin().unwrap().over(operator).unwrap();
    let openai = providers.find("openai").unwrap();
    assert_eq!(openai.auth, Auth::Header("api-key".into()));
    assert_eq!(openai.base_url.as_deref(), Some("https://api.openai.com/v1"));
    let mine = providers.find("mine").unwrap();
    assert_eq!(mine.rename, [("max_tokens".to_owned(), "max".to_owned())]);
    assert!(mine.usage.stream_ask);
}

#[test]
fn a_mistake_is_named_with_its_provider_and_key() {
    assert!(refusal("[mine]\nbasurl = 1\npaths = {}").starts_with("provider `mine`: unknown field `basurl`"));
    assert!(refusal("mine = 3").starts_with("provider `mine` must be a table"));
    assert!(refusal("[mine").starts_with("the provider catalogue is no TOML"));
    assert!(refusal("[openai]\nbase_url = \"ftp://x\"").contains("provider `openai`: `base_url` must be"));
    assert!(refusal("[mine]\npaths = {}").contains("`paths` must name"));
    assert!(refusal("[mine]\npaths = { smoke_signs = \"x\" }").contains("unknown variant `smoke_signs`"));
    assert!(refusal("[openai]\nheaders = { \"a b\" = \"c\" }").contains("`headers.a b`"));
    assert!(refusal("[openai]\nauth = { header = \"a b\" }").contains("`auth.header`"));
}
