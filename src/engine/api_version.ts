/** The version of Docker's Engine API whose shapes are answered. */
export const API_VERSION = "1.47";
/** The oldest version a client may ask for: Docker's own engine of that version says the same. */
export const MIN_API_VERSION = "1.24";
