import { expect, test } from "bun:test";
import { imageId, imageOf } from "../../tests/support/container_records.ts";
import { type ImageUser, planRemoval, untagged, withoutNames } from "./remove_image_plan.ts";

const HUB = "docker.io/library";
const DIGEST = imageId("a");

function user(running: boolean): ImageUser {
  return { imageId: imageId("a"), containerId: "c".repeat(64), running };
}

/** The names that go and whether the image does, or the refusal. */
function plan(
  names: string[],
  text: string,
  { force = false, users = [], digests = [] }: {
    force?: boolean;
    users?: ImageUser[];
    digests?: string[];
  } = {},
): string {
  try {
    const images = [imageOf("a", { names, digests }), imageOf("b", { names: [], digests: [] })];
    const result = planRemoval(images, users, text, { force });
    return [...untagged(result), ...(result.deletes ? ["deleted"] : [])].join(" ");
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : "";
  }
}

test("the last name takes the image and the digests of its repository along", () => {
  expect(plan([`${HUB}/x:1`], "x:1", { digests: [`${HUB}/x@${DIGEST}`] })).toBe(
    `x:1 x@${DIGEST} deleted`,
  );
});

test("a name that is not the last only goes itself", () => {
  const digests = [`${HUB}/x@${DIGEST}`];
  expect(plan([`${HUB}/x:1`, `${HUB}/x:2`], "x:1", { digests })).toBe("x:1");
  expect(plan([`${HUB}/x:1`, `${HUB}/y:1`], "x:1", { digests })).toBe(`x:1 x@${DIGEST}`);
});

test("a digest reference goes alone while there are names", () => {
  const options = { digests: [`${HUB}/x@${DIGEST}`] };
  expect(plan([`${HUB}/x:1`], `x@${DIGEST}`, options)).toBe(`x@${DIGEST}`);
  expect(plan([], `x@${DIGEST}`, options)).toBe(`x@${DIGEST} deleted`);
});

test("an id takes everything, but names in several repositories need force", () => {
  expect(plan([`${HUB}/x:1`, `${HUB}/x:2`], "aaaa")).toBe("x:1 x:2 deleted");
  expect(plan([], DIGEST)).toBe("deleted");
  expect(plan([`${HUB}/x:1`, `${HUB}/y:1`], "aaaa")).toBe(
    "conflict: unable to delete aaaaaaaaaaaa (must be forced) - " +
      "image is referenced in multiple repositories",
  );
  expect(plan([`${HUB}/x:1`, `${HUB}/y:1`], "aaaa", { force: true })).toBe("x:1 y:1 deleted");
});

test("an image of a running container cannot be deleted by id, not even by force", () => {
  const refused = "conflict: unable to delete aaaaaaaaaaaa (cannot be forced) - " +
    "image is being used by running container cccccccccccc";
  expect(plan([`${HUB}/x:1`], "aaaa", { users: [user(true)] })).toBe(refused);
  expect(plan([`${HUB}/x:1`], "aaaa", { users: [user(true)], force: true })).toBe(refused);
});

test("an image of a stopped container loses its names by force, and stays for the container", () => {
  expect(plan([`${HUB}/x:1`], "aaaa", { users: [user(false)] })).toBe(
    "conflict: unable to delete aaaaaaaaaaaa (must be forced) - " +
      "image is being used by stopped container cccccccccccc",
  );
  expect(plan([`${HUB}/x:1`], "aaaa", { users: [user(false)], force: true })).toBe("x:1");
});

test("the last name of a used image needs force, another name does not", () => {
  expect(plan([`${HUB}/x:1`], "x:1", { users: [user(true)] })).toBe(
    'conflict: unable to remove repository reference "x:1" (must force) - ' +
      "container cccccccccccc is using its referenced image aaaaaaaaaaaa",
  );
  expect(plan([`${HUB}/x:1`], "x:1", { users: [user(true)], force: true })).toBe("x:1");
  expect(plan([`${HUB}/x:1`, `${HUB}/x:2`], "x:1", { users: [user(true)] })).toBe("x:1");
});

test("an image that is not there is refused in docker's words", () => {
  expect(plan([], "nope")).toBe("No such image: nope:latest");
  expect(plan([], "ffff")).toBe("No such image: ffff:latest");
});

test("what is left of an image has the other names", () => {
  const image = imageOf("a", { names: [`${HUB}/x:1`, `${HUB}/y:2`] });
  const left = withoutNames(planRemoval([image], [], "y:2", { force: false }));
  expect(left.names).toEqual([`${HUB}/x:1`]);
});
