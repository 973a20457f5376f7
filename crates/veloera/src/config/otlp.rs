//! Where telemetry is sent.

use axum::http::{HeaderName, HeaderValue, Uri};

use super::{ConfigError, Text};

/// A collector that takes OTLP over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Otlp {
    /// Without a slash at its end: the paths of the protocol are put under it.
    pub(crate) endpoint: String,
    /// Sent with every request. They may be credentials: they are marked as such and never printed.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
}

pub(super) fn read(endpoint: Option<Text>, headers: Option<Text>) -> Result<Option<Otlp>, ConfigError> {
    let Some(Text(text)) = endpoint else {
        return match headers {
            None => Ok(None),
            Some(_) => Err(headers_are_wrong("left out where there is no otlp_endpoint")),
        };
    };
    let endpoint = text.trim_end_matches('/').to_owned();
    let is_web = endpoint.parse::<Uri>().is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.query().is_none()
            && uri.authority().is_some_and(|host| !host.as_str().contains('@'))
    });
    if !is_web {
        let must = "an http or https URL such as http://collector:4318, without credentials";
        return Err(ConfigError::Value { key: "otlp_endpoint", must, value: "what was given".into() });
    }
    let headers = headers.map_or_else(|| Ok(Vec::new()), |Text(text)| self::headers(&text))?;
    Ok(Some(Otlp { endpoint, headers }))
}

fn headers(text: &str) -> Result<Vec<(HeaderName, HeaderValue)>, ConfigError> {
    let header = |part: &str| {
        let (name, value) = part.split_once('=')?;
        let mut value = HeaderValue::try_from(value.trim()).ok()?;
        value.set_sensitive(true);
        Some((HeaderName::try_from(name.trim()).ok()?, value))
    };
    let headers: Option<Vec<_>> = text.split(',').map(header).collect();
    headers.ok_or_else(|| headers_are_wrong("headers such as authorization=Bearer x, separated by commas"))
}

/// Not the value: it may be a credential.
fn headers_are_wrong(must: &'static str) -> ConfigError {
    ConfigError::Value { key: "otlp_headers", must, value: "what was given".into() }
}

#[cfg(test)]
mod tests {
    use super::{ConfigError, Otlp, Text};

    fn read(endpoint: Option<&str>, headers: Option<&str>) -> Result<Option<Otlp>, ConfigError> {
        let text = |text: &str| Text(text.into());
        super::read(endpoint.map(text), headers.map(text))
    }

    #[test]
    fn a_collector_is_named_by_its_address_and_what_it_wants_to_see() {
        let otlp = read(Some("http://collector:4318/"), Some("authorization=Bearer a=b, x-tenant=1"));
        let otlp = otlp.unwrap().unwrap();
        assert_eq!(otlp.endpoint, "http://collector:4318");
        assert_eq!(otlp.headers[0].1, "Bearer a=b");
        assert_eq!(otlp.headers[1].0, "x-tenant");
        assert!(!format!("{otlp:?}").contains("Bearer"));
        assert_eq!(read(None, None).unwrap(), None);
    }

    #[test]
    fn what_cannot_be_sent_to_is_refused_and_not_repeated() {
        for (endpoint, headers) in [
            (Some("collector:4318"), None),
            (Some("http://u:secret@collector"), None),
            (Some("http://collector?secret"), None),
            (Some("http://collector"), Some("secret")),
            (Some("http://collector"), Some("a=b,secret\n=c")),
            (None, Some("a=secret")),
        ] {
            let error = read(endpoint, headers).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
