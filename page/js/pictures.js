// Pictures that go with a message: made small enough to travel, shown as long as the page knows them.

const PICTURE_KINDS = ["image/png", "image/jpeg", "image/gif", "image/webp"];
const MAX_PICTURES_CHARS = 640 * 1024; // of base64, with one message: a frame has 1 MiB
const MAX_PICTURE_BYTES = 140 * 1024;
const MAX_SOURCE_BYTES = 40 << 20;
const SIDES = [1568, 1280, 1024, 768, 512];

const isPicture = (file) => file.type.startsWith("image/") && file.type !== "image/svg+xml";

/** Read a picture as `{type, data, size}`, drawn smaller if it is large. Throws TypeError. */
async function readPicture(file) {
  if (file.size > MAX_SOURCE_BYTES) throw new TypeError("too large");
  if (PICTURE_KINDS.includes(file.type) && file.size <= MAX_PICTURE_BYTES) return encoded(file);
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    throw new TypeError("no picture");
  }
  try {
    for (const side of SIDES) {
      const drawn = await drawnWithin(bitmap, side);
      if (drawn.size <= MAX_PICTURE_BYTES || side === SIDES.at(-1)) return encoded(drawn);
    }
  } finally {
    bitmap.close();
  }
}

/** Draw a picture on white, neither side longer than `side` pixels, as JPEG. */
function drawnWithin(bitmap, side) {
  const scale = Math.min(1, side / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const brush = canvas.getContext("2d");
  brush.fillStyle = "#fff";
  brush.fillRect(0, 0, canvas.width, canvas.height);
  brush.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve, reject) =>
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new TypeError("no picture"))), "image/jpeg", 0.85),
  );
}

function encoded(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () =>
      resolve({ type: blob.type, data: reader.result.slice(reader.result.indexOf(",") + 1), size: blob.size });
    reader.onerror = () => reject(new TypeError("unreadable"));
    reader.readAsDataURL(blob);
  });
}

/** Show pictures: those whose data is known as such, the others by their number. */
function picturesView(pictures, count = pictures.length) {
  if (!count) return null;
  const words = count === 1 ? "1 picture" : `${count} pictures`;
  if (!pictures.length) return el("p", { class: "pictures" }, el("span", { class: "chip" }, icon("clip"), words));
  return el(
    "div",
    { class: "pictures" },
    ...pictures.map(({ type, data, name }) =>
      el("img", { src: `data:${type};base64,${data}`, alt: name ? `Picture: ${name}` : "Picture", loading: "lazy" }),
    ),
  );
}
