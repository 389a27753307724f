//! Channels over HTTP: who can be told, tests of them, and the figures of what came of it.

use serde_json::json;

use super::fake::serve;

#[tokio::test(flavor = "multi_thread")]
async fn a_test_answers_whatever_came_of_it_and_figures_follow_by_channel() {
    let server = serve().await;
    let list = server.get("/v1/channels").await.json();
    assert_eq!(list["channels"][0], json!({"name": "log", "kind": "webhook"}));
    for (channel, result, said) in
        [("log", "delivered", "written"), ("down", "failed", "HTTP 500"), ("gone", "refused", "HTTP 410")]
    {
        let got = server.post(&format!("/v1/channels/{channel}/test"), "").await;
        assert_eq!(got.status, 200, "{}", got.text);
        let json = got.json();
        assert_eq!((&json["result"], &json["said"]), (&result.into(), &said.into()));
        assert!(json["notice"].is_u64() && json["channel"] == channel);
    }
    server.post("/v1/channels/nobody/test", "").await.problem(404, "NO_SUCH_CHANNEL");
    let figures = server.get("/metrics").await.text;
    for (channel, result) in [("log", "delivered"), ("down", "given_up"), ("gone", "refused")] {
        let line = format!("remediator_notices_total{{channel=\"{channel}\",result=\"{result}\"}} 1\n");
        assert!(figures.contains(&line), "{line} {figures}");
    }
    for (method, path) in [("GET", "/v1/channels"), ("POST", "/v1/channels/log/test")] {
        server.send(method, path, Some(&server.sentinel), b"").await.problem(403, "PERSONS_ONLY");
    }
}
