"""Boxes and detection, faces, style transfer."""

from nn.vision.anchors import GridTargets, decode_boxes, encode_boxes, kmeans_anchors
from nn.vision.average_precision import CocoPrecision, average_precision, coco_precision, mean_average_precision
from nn.vision.boxes import (
    box_area,
    box_convert,
    box_iou,
    box_iou_loss,
    clip_boxes_to_image,
    complete_box_iou,
    complete_box_iou_loss,
    distance_box_iou,
    distance_box_iou_loss,
    generalized_box_iou,
    generalized_box_iou_loss,
    masks_to_boxes,
    remove_small_boxes,
)
from nn.vision.draw import draw_boxes, label_colour
from nn.vision.faces import (
    Gallery,
    Match,
    MinedTripletLoss,
    PeopleSampler,
    Verification,
    Whitening,
    all_triplets,
    balanced_accuracy,
    face_pictures,
    hard_triplets,
    local_contrast,
    mined_triplet_loss,
    notes_triplet_loss,
    one_shot_accuracy,
    pair_distances,
    principal_axes,
    semi_hard_triplets,
    squared_distances,
    verification,
)
from nn.vision.nms import batched_nms, best_boxes, nms, soft_nms
from nn.vision.pictures import read_picture, write_picture
from nn.vision.scenes import DigitScenes, collate_detection, photographs
from nn.vision.style import (
    Activations,
    StyleTransfer,
    content_cost,
    gram_matrix,
    keep_colours,
    match_colours,
    style_cost,
    style_network,
    total_variation,
)
from nn.vision.voc import VOCDetection, write_voc
