
// The viewer: NiiVue, unpacked and run when somebody opens a scan, one scan at a time. Nothing is fetched; program and
// layers are in the page, compressed. Where WebGL2 or decompression is absent it says so, and the pictures stay.
(() => {
  const make = (tag, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };
  const held = (id) => document.getElementById(id).content.textContent;
  const bones = JSON.parse(held("viewer-bones"));
  const names = new Map(bones.map(([id, name]) => [id, name]));
  const views = { coronal: "Coronal", multiplanar: "Three planes", render: "Solid" };
  const TOP = 252;
  // Small weights let the scan show through.
  const WEIGHTS = { R: [90, 205, 250, 252, 252], G: [20, 50, 130, 200, 255], B: [110, 80, 30, 60, 190], A: [0, 110, 190, 230, 255], I: [0, 64, 128, 192, 255] };
  let shown = null;

  async function unpacked(text) {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
  }

  // An inline script whose digest the page's policy names, so it runs; any other would not.
  async function program() {
    if (!("niivue" in window)) {
      const textContent = new TextDecoder().decode(await unpacked(held("viewer-program")));
      document.head.append(make("script", { textContent }));
    }
    return window.niivue;
  }

  function colours() {
    const of = (place) => [0, ...bones.map(([, , colour]) => parseInt(colour.slice(place, place + 2), 16))];
    const I = [0, ...bones.map(([id]) => id)];
    const A = [0, ...bones.map(() => 255)];
    return { R: of(1), G: of(3), B: of(5), A, I, labels: ["", ...bones.map(([, name]) => name)] };
  }

  const whyNot = () => {
    if (!("DecompressionStream" in window)) return "This browser cannot unpack the volumes; a newer one can.";
    if (!document.createElement("canvas").getContext("webgl2")) return "This browser has no WebGL2, which the viewer draws with.";
    return "";
  };

  async function load(canvas, layers) {
    const { Niivue, NVImage, SLICE_TYPE } = await program();
    const viewer = new Niivue({
      logLevel: "error", isRadiologicalConvention: true, backColor: [0, 0, 0, 1], crosshairColor: [0.56, 0.76, 0.96, 0.6],
      crosshairWidth: 0.15, crosshairWidthUnit: "percent", isOrientCube: false, dragAndDropEnabled: false, loadingText: "", multiplanarForceRender: false,
    });
    viewer.addColormap("weights", WEIGHTS);
    await viewer.attachToCanvas(canvas);
    viewer.addVolume(await NVImage.new(await unpacked(layers.volume), "volume.nii", "gray", 1, null, 0, TOP));
    const labels = await NVImage.new(await unpacked(layers.bones), "bones.nii", "gray", 0, null, 0, 255);
    labels.setColormapLabel(colours());
    viewer.addVolume(labels);
    for (const [number, map] of layers.maps.entries()) {
      const opacity = number === 0 ? 0.6 : 0;
      viewer.addVolume(await NVImage.new(await unpacked(map.volume), `map${number}.nii`, "weights", opacity, null, 3, TOP));
    }
    viewer.setInterpolation(false);
    viewer.setSliceType(SLICE_TYPE.CORONAL);
    if (layers.maps.length > 0) { // where the first map is highest
      viewer.scene.crosshairPos = viewer.mm2frac(layers.maps[0].at);
      viewer.drawScene();
    }
    return { viewer, types: { coronal: SLICE_TYPE.CORONAL, multiplanar: SLICE_TYPE.MULTIPLANAR, render: SLICE_TYPE.RENDER } };
  }

  const labelled = (text, control) => make("label", {}, text, control);

  const slider = (value, apply, step = 0.05) => {
    const control = make("input", { type: "range", min: 0, max: 1, step, value });
    control.addEventListener("input", () => apply(Number(control.value)));
    return control;
  };

  const chooser = (options, apply) => {
    const control = make("select", {}, ...options.map(([value, text]) => make("option", { value, textContent: text })));
    control.addEventListener("change", () => apply(control.value));
    return control;
  };

  // What lies under the pointer: bone, value of the map on its own scale, and brightness.
  function told(viewer, layers, chosen, event, canvas) {
    const ratio = canvas.width / canvas.clientWidth;
    const place = viewer.canvasPos2frac([event.offsetX * ratio, event.offsetY * ratio]);
    if (!(place[0] >= 0)) return "";
    const [volume, labels, ...maps] = viewer.volumes;
    const value = (layer) => layer.getValue(...[0, 1, 2].map((i) => Math.round(place[i] * layer.dimsRAS[i + 1] - 0.5)));
    const words = [names.get(value(labels)) ?? "no bone"];
    const map = layers.maps[chosen];
    if (map) {
      const step = value(maps[chosen]);
      words.push(step === 0 ? "map: empty" : `map: ${(map.low + ((step - 4) / (TOP - 4)) * (map.high - map.low)).toPrecision(3)}`);
    }
    words.push(`brightness: ${Math.round((100 * value(volume)) / TOP)}%`);
    return words.join(" · ");
  }

  function controls(viewer, types, layers, canvas) {
    const state = { map: 0, opacity: 0.6 };
    const paint = () => layers.maps.forEach((_, i) => viewer.setOpacity(i + 2, i === state.map ? state.opacity : 0));
    const under = make("output", { className: "under", textContent: "Point at the picture: bone, map and brightness appear here." });
    const move = (axis) => (value) => { viewer.scene.crosshairPos[axis] = value; viewer.drawScene(); };
    canvas.addEventListener("mousemove", (event) => { under.value = told(viewer, layers, state.map, event, canvas) || " "; });
    const tools = make("div", { className: "tools" },
      labelled("view", chooser(Object.entries(views), (name) => viewer.setSliceType(types[name]))),
      labelled("back to front", slider(viewer.scene.crosshairPos[1], move(1), 0.01)),
    );
    if (layers.maps.length > 0) {
      const options = layers.maps.map((map, number) => [String(number), map.title]);
      tools.append(
        labelled("map and class", chooser(options, (value) => { state.map = Number(value); paint(); })),
        labelled("map", slider(0.6, (value) => { state.opacity = value; paint(); })),
      );
    }
    tools.append(labelled("bones", slider(0, (value) => viewer.setOpacity(1, value))));
    return { tools, under };
  }

  function close() {
    shown?.panel.remove();
    shown?.viewer?.cleanup?.();
    if (shown) shown.button.hidden = false;
    shown = null;
  }

  async function open(place, button) {
    close();
    const panel = make("div", { className: "panel" });
    place.append(panel);
    shown = { panel, button };
    const why = whyNot();
    if (why) {
      panel.append(make("p", { className: "empty", role: "status", textContent: `${why} The pictures here show the same.` }));
      return;
    }
    const canvas = make("canvas", { tabIndex: 0 });
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `Scan ${place.dataset.scan} in the viewer; the sliders above move and blend it`);
    const frame = make("div", { className: "frame" }, canvas);
    panel.append(frame);
    try {
      const layers = JSON.parse(held(place.dataset.view));
      const { viewer, types } = await load(canvas, layers);
      const { tools, under } = controls(viewer, types, layers, canvas);
      const end = make("button", { type: "button", className: "plain", textContent: "Close the viewer" });
      end.addEventListener("click", () => { close(); button.focus(); });
      tools.append(end);
      panel.prepend(tools);
      panel.append(under);
      shown = { panel, button, viewer };
      button.hidden = true;
      tools.querySelector("select").focus();
      panel.dataset.ready = "true";
    } catch (error) {
      frame.remove();
      panel.append(make("p", { className: "empty", role: "status", textContent: `The viewer could not draw (${error.message}). The pictures here show the same.` }));
    }
  }

  for (const place of document.querySelectorAll(".view")) {
    const button = place.querySelector(".start");
    button.hidden = false;
    button.addEventListener("click", () => open(place, button));
  }
})();
