//! As much of Amazon Cognito as a device asks for: an identity of a pool that lets in whoever comes, and its credentials
//! (Amazon Cognito API reference, `GetId` and `GetCredentialsForIdentity`).

use serde_json::{Value, json};

/// How long credentials are valid.
const SECONDS: u64 = 3_600;
/// Everybody's identity, in the pool's region.
const IDENTITY: &str = "00000000-0000-4000-8000-000000000001";

/// A pool, and the temporary access key that it hands out.
#[derive(Clone)]
pub(super) struct Pool {
    pub(super) id: String,
    pub(super) key_id: String,
    pub(super) secret: String,
    pub(super) token: String,
}

impl Pool {
    fn identity(&self) -> String {
        let region = self.id.split(':').next().unwrap_or_default();
        format!("{region}:{IDENTITY}")
    }

    /// The status and the body of the answer to one action.
    pub(super) fn answer(&self, action: &str, body: &[u8], unix_seconds: u64) -> (&'static str, String) {
        let asked: Value = serde_json::from_slice(body).unwrap_or_default();
        let answer = match action {
            "AWSCognitoIdentityService.GetId" if asked["IdentityPoolId"] == self.id.as_str() => {
                json!({ "IdentityId": self.identity() })
            }
            "AWSCognitoIdentityService.GetCredentialsForIdentity" if asked["IdentityId"] == self.identity() => json!({
                "IdentityId": self.identity(),
                "Credentials": {
                    "AccessKeyId": self.key_id,
                    "SecretKey": self.secret,
                    "SessionToken": self.token,
                    "Expiration": unix_seconds + SECONDS,
                },
            }),
            _ => {
                let no = json!({ "__type": "ResourceNotFoundException", "message": "no such identity or pool" });
                return ("400 Bad Request", no.to_string());
            }
        };
        ("200 OK", answer.to_string())
    }
}
