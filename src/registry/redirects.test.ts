/** What a registry on the internet may lead to, and what not. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import {
  FAR_NEIGHBOUR,
  FAR_REGISTRY,
  type FarRegistry,
  startFarRegistry,
} from "../../tests/support/far_registry.ts";
import { failure } from "../../tests/support/raw_server.ts";
import { parseReference } from "../oci/reference.ts";
import { RegistryClient } from "./registry_client.ts";

const INDEX = "application/vnd.oci.image.index.v1+json";

let home: string;
beforeEach(() => {
  home = mkdtempSync(`${tmpdir()}/far-`);
});
afterEach(() => rmSync(home, { recursive: true }));

function logIn(host: string): void {
  writeFileSync(
    `${home}/config.json`,
    JSON.stringify({ auths: { [host]: { auth: btoa("u:p") } } }),
  );
}

describe("a registry on the internet", () => {
  let far: FarRegistry;
  beforeEach(async () => {
    far = await startFarRegistry(`${home}/far`);
    far.server.addManifest("app", "latest", { schemaVersion: 2, manifests: [] }, INDEX);
  });
  afterEach(() => far[Symbol.asyncDispose]());
  const pullFar = () =>
    new RegistryClient({
      home,
      dockerConfigDir: home,
      env: far.env,
      userAgent: "tsbox/test",
      timing: { attempts: 1, response: 2000 },
    }).resolve(parseReference(`${FAR_REGISTRY}/app`));

  test("may lead to others there, who get no credentials and no say in them", async () => {
    const auth = { kind: "basic", username: "u", password: "p" } as const;
    far.server.auth = auth;
    logIn(FAR_REGISTRY);
    await pullFar();
    far.server.requests.length = 0;
    const to = `https://${FAR_NEIGHBOUR}/v2/app/manifests/latest`;
    far.server.faults.push({ match: "/manifests/", kind: "redirect", to });
    // The neighbour answers 401 with a challenge of its own.
    expect(await failure(pullFar())).toContain("pull access denied");
    expect(far.asked).toContain(`${FAR_NEIGHBOUR}:443`);
    const asked = far.server.requests.map(({ headers }) =>
      [headers["host"], headers["authorization"]] as const
    );
    const toNeighbour = asked.filter(([host]) => host === FAR_NEIGHBOUR);
    expect(toNeighbour).toEqual([[FAR_NEIGHBOUR, undefined]]);
  });

  const near = [
    "https://localhost:4443/",
    "https://localhost./",
    "https://a.localhost/",
    "https://127.0.0.1/",
    "https://2130706433/",
    "https://0x7f.1/",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://10.1.2.3/",
    "https://192.168.0.1:8443/",
    "https://169.254.169.254/latest/meta-data/",
    "https://[fe80::1]/",
    "https://[64:ff9b::a00:1]/",
  ];
  for (const to of near) {
    test(`may not lead to ${to}`, async () => {
      far.server.faults.push({ match: "/manifests/", kind: "redirect", to });
      const error = await failure(pullFar());
      expect(error).toContain(`Cannot follow ${FAR_REGISTRY} to ${new URL(to).host}: that is in`);
      far.server.auth = { kind: "token", realm: to };
      logIn(FAR_REGISTRY);
      expect(await failure(pullFar())).toContain(`Cannot follow ${FAR_REGISTRY} to `);
      expect([...new Set(far.asked)]).toEqual([`${FAR_REGISTRY}:443`]);
    });
  }

  const refused = [
    `http://${FAR_REGISTRY}/v2/app/manifests/latest`,
    `http://${FAR_NEIGHBOUR}/x`,
    "http://127.0.0.1/x",
    "http://169.254.169.254/latest/meta-data/",
    "file:///etc/passwd",
    "ftp://registry.test/x",
    "gopher://127.0.0.1:11211/x",
    "unix:///run/docker.sock",
    "data:application/json,{}",
    "blob:https://registry.test/x",
    "javascript:0",
    "//",
    "https://",
    `https://${"a".repeat(20_000)}/`,
  ];
  for (const to of refused) {
    test(`may not lead to ${to.slice(0, 60)}`, async () => {
      far.server.faults.push({ match: "/manifests/", kind: "redirect", to });
      expect(await failure(pullFar())).toMatch(/Cannot follow the redirect of registry\.test/);
      expect([...new Set(far.asked)]).toEqual([`${FAR_REGISTRY}:443`]);
    });
  }

  test("may not get a password over plain HTTP or from a file by its realm", async () => {
    logIn(FAR_REGISTRY);
    for (
      const realm of [`http://${FAR_REGISTRY}/token`, "file:///etc/shadow", "http://127.0.0.1/"]
    ) {
      far.server.auth = { kind: "token", realm };
      expect(await failure(pullFar())).toContain("names a realm that is no https URL");
    }
    expect(far.server.seen("/token")).toEqual([]);
  });

  test("may have its realm at another host there, as docker allows", async () => {
    logIn(FAR_REGISTRY);
    const realm = `https://${FAR_NEIGHBOUR}/token`;
    far.server.auth = { kind: "token", username: "u", password: "p", realm };
    await pullFar();
    expect(far.server.seen("/token")[0]?.headers).toMatchObject({ host: FAR_NEIGHBOUR });
  });

  test("that leads round in circles is left after ten redirects", async () => {
    const to = `https://${FAR_NEIGHBOUR}/v2/app/manifests/latest`;
    far.server.faults.push({ match: "/manifests/", kind: "redirect", to, times: 1e9 });
    expect(await failure(pullFar())).toContain("more than 10 redirects");
    expect(far.server.seen("/manifests/")).toHaveLength(11);
  });
});
