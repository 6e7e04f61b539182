import { expect, test } from "bun:test";
import { applyChanges } from "./changes.ts";
import type { ContainerConfig } from "./container_config.ts";

const changed = (...changes: string[]) => applyChanges({}, changes);
const messageOf = (change: string, config: ContainerConfig = {}): string => {
  try {
    applyChanges(config, [change]);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return "no error";
};

test("commands have an exec form and a shell form", () => {
  expect(changed('CMD ["a", "b c"]')).toEqual({ Cmd: ["a", "b c"] });
  expect(changed("cmd echo $HOME")).toEqual({ Cmd: ["/bin/sh", "-c", "echo $HOME"] });
  expect(changed("ENTRYPOINT ['a']")).toEqual({ Entrypoint: ["/bin/sh", "-c", "['a']"] });
  expect(applyChanges({ Shell: ["/bin/ash", "-c"] }, ["CMD x"])).toMatchObject({
    Cmd: ["/bin/ash", "-c", "x"],
  });
  expect(changed("CMD []")).toEqual({ Cmd: [] });
});

test("an entrypoint takes the command it had not been given with away", () => {
  expect(applyChanges({ Cmd: ["old"] }, ['ENTRYPOINT ["e"]'])).toEqual({ Entrypoint: ["e"] });
  expect(changed('CMD ["c"]', 'ENTRYPOINT ["e"]')).toEqual({ Cmd: ["c"], Entrypoint: ["e"] });
});

test("variables have an old form, a new form, quotes and values of others", () => {
  expect(changed('ENV A=1 B=\'x y\' C="q \\" $A"', "ENV A=2", "ENV D the $A rest  of it")).toEqual({
    Env: ["B=x y", 'C=q " ', "A=2", "D=the 2 rest  of it"],
  });
  expect(changed("ENV A=1", "ENV B=${A}x C=${N:-n} D=${A:+set} E=a\\ b F=${N-}")).toEqual({
    Env: ["A=1", "B=1x", "C=n", "D=set", "E=a b", "F="],
  });
});

test("labels, ports, volumes, users, folders and signals are put in", () => {
  expect(changed(
    'LABEL a=1 "b c"="d e"',
    "EXPOSE 80 53/udp 8000-8001",
    "VOLUME /a /b",
    'VOLUME ["/c d"]',
    "USER 1:2",
    "WORKDIR /srv/x",
    "WORKDIR ../y",
    "STOPSIGNAL SIGINT",
    "ONBUILD run make",
  )).toEqual({
    Labels: { a: "1", "b c": "d e" },
    ExposedPorts: { "80/tcp": {}, "53/udp": {}, "8000/tcp": {}, "8001/tcp": {} },
    Volumes: { "/a": {}, "/b": {}, "/c d": {} },
    User: "1:2",
    WorkingDir: "/srv/y",
    StopSignal: "SIGINT",
    OnBuild: ["run make"],
  });
});

test("health checks have options, and can be taken back", () => {
  expect(changed("HEALTHCHECK --interval=1m30s --retries=3 CMD curl -f /").Healthcheck).toEqual({
    Test: ["CMD-SHELL", "curl -f /"],
    Interval: 90e9,
    Retries: 3,
  });
  expect(changed('HEALTHCHECK --timeout=1.5s CMD ["a"]').Healthcheck).toEqual({
    Test: ["CMD", "a"],
    Timeout: 1.5e9,
  });
  expect(changed("HEALTHCHECK NONE").Healthcheck).toEqual({ Test: ["NONE"] });
});

test("a change may have several lines", () => {
  expect(changed("ENV A=1 \\\n  B=2\n# no\n\nUSER me")).toEqual({
    Env: ["A=1", "B=2"],
    User: "me",
  });
});

test("what is wrong is said in docker's words", () => {
  expect(messageOf("RUN make")).toBe("RUN is not a valid change command");
  expect(messageOf("constructor x")).toBe("CONSTRUCTOR is not a valid change command");
  expect(messageOf("CMD")).toBe("CMD requires at least one argument");
  expect(messageOf("ENV A")).toBe("ENV must have two arguments");
  expect(messageOf("ENV A=1 B")).toContain("can't find = in");
  expect(messageOf("LABEL =1")).toBe("LABEL names can not be blank");
  expect(messageOf("EXPOSE 80/icmp")).toBe("invalid containerPort: 80/icmp");
  expect(messageOf("EXPOSE 90-80")).toBe("invalid containerPort: 90-80");
  expect(messageOf('VOLUME [""]')).toBe("VOLUME specified can not be an empty string");
  expect(messageOf("USER a b")).toBe("USER requires exactly one argument");
  expect(messageOf("ONBUILD FROM x")).toBe("FROM isn't allowed as an ONBUILD trigger");
  expect(messageOf("HEALTHCHECK curl")).toContain("Unknown type");
  expect(messageOf("HEALTHCHECK --interval=1 CMD x")).toContain("invalid duration");
  expect(messageOf("HEALTHCHECK --interval=1us CMD x")).toContain("cannot be less than 1ms");
  expect(messageOf('ENV A="x')).toContain("unexpected end of statement");
  expect(messageOf("ENV A=${x")).toContain("bad substitution");
  expect(messageOf("ENV A=${x:?is needed}")).toBe("x: is needed");
});
