use super::*;

#[test]
fn the_python_sdks_vector_gives_its_signature() {
    let credentials = Credentials::new("TRUSTMETHISIDISFAKE0", "trustMeThisSecretKeyIsSoFakeAaBbCc00Dd11").unwrap();
    let presign = Presign {
        credentials: &credentials,
        service: "iotdata",
        region: "us-east-1",
        host: "data.iot.us-east-1.amazonaws.com",
        path: "/mqtt",
        unix_seconds: 1_498_682_925,
        valid_seconds: 86_400,
    };
    let query = presign.query();
    assert_eq!(
        query.as_str(),
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=TRUSTMETHISIDISFAKE0%2F20170628%2Fus-east-1%2Fiotdata\
         %2Faws4_request&X-Amz-Date=20170628T204845Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host\
         &X-Amz-Signature=b79a4d7e31ccbf96b22d93cce1b500b9ee611ec966159547e140ae32e4dcebed"
    );
    let credentials = credentials.clone().with_session_token("a/b+c==").unwrap();
    let with_token = Presign { credentials: &credentials, ..presign }.query();
    assert_eq!(*with_token, format!("{}&X-Amz-Security-Token=a%2Fb%2Bc%3D%3D", *query), "it is not signed");
}

/// Region, host, seconds since 1970, validity, access key id, secret, signature: as botocore's `SigV4QueryAuth` signs
/// them for [`SERVICE`].
const VECTORS: &str = include_str!("botocore.txt");

#[test]
fn other_peoples_signatures_are_the_same() {
    let mut count = 0;
    for line in VECTORS.lines() {
        let [region, host, unix_seconds, valid_seconds, id, secret, signature] =
            line.split(' ').collect::<Vec<_>>().try_into().unwrap();
        let credentials = Credentials::new(id, secret).unwrap();
        let presign = Presign {
            credentials: &credentials,
            service: SERVICE,
            region,
            host,
            path: "/mqtt",
            unix_seconds: unix_seconds.parse().unwrap(),
            valid_seconds: valid_seconds.parse().unwrap(),
        };
        assert!(presign.query().ends_with(&format!("&X-Amz-Signature={signature}")), "{line}");
        count += 1;
    }
    assert_eq!(count, 64);
}

#[test]
fn an_endpoint_of_aws_names_its_region_in_every_partition() {
    let named = [
        ("abc-ats.iot.eu-central-1.amazonaws.com", "eu-central-1"),
        ("ABC-ATS.IOT.EU-CENTRAL-1.AMAZONAWS.COM.", "eu-central-1"),
        ("abc.iot.us-east-1.amazonaws.com", "us-east-1"),
        ("data.iot.us-east-1.amazonaws.com", "us-east-1"),
        ("abc.ats.iot.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("abc-ats.iot.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
        ("data.iot-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
        ("data.iot-fips.ca-central-1.amazonaws.com", "ca-central-1"),
        ("vpce-0a-b1.data.iot.us-west-2.vpce.amazonaws.com", "us-west-2"),
        ("abc-ats.iot.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1"),
        ("abc-ats.iot.ap-southeast-2.api.aws", "ap-southeast-2"),
    ];
    for (host, region) in named {
        assert_eq!(region_of(host).as_deref(), Some(region), "{host}");
    }
    let unnamed = [
        "iot.example.com",
        "iot.eu-central-1.example.com",
        "abc-ats.iot.eu-central-1.amazonaws.com.example.com",
        "amazonaws.com",
        "abc.iot.amazonaws.com",
        "abc.iot.eu-central.amazonaws.com",
        "abc.iot.eu-Central_1.amazonaws.com",
        "abc.iot.eu-centr4l-1.amazonaws.com",
        "abc.iot.eu--1.amazonaws.com",
        "abc.iot.eu-central-.amazonaws.com",
        "abc.iot.eu-central-x.amazonaws.com",
        "abc.iot.central-1.amazonaws.com",
        "abc.iotx.eu-central-1.amazonaws.com",
        "localhost",
        "127.0.0.1",
        "",
    ];
    for host in unnamed {
        assert_eq!(region_of(host), None, "{host}");
    }
}
